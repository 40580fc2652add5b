from __future__ import annotations

from pathlib import Path

import pytest

from harness.target import oom
from harness.target.oom import OomKills, counter_file

V1 = "9:name=systemd:/docker/abc\n4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n0::/docker/abc\n"
V2 = "0::/system.slice/docker-abc.scope\n"
JOINED = "3:cpuset,memory:/docker/abc\n"


@pytest.mark.parametrize(
    ("proc_cgroup", "file"),
    [
        (V1, "/cg/memory/docker/abc/memory.oom_control"),
        (JOINED, "/cg/memory/docker/abc/memory.oom_control"),
        (V2, "/cg/system.slice/docker-abc.scope/memory.events"),
        ("1:cpu:/docker/abc\n", None),
        ("", None),
    ],
)
def test_each_cgroup_version_counts_in_its_own_file(proc_cgroup: str, file: str | None) -> None:
    assert counter_file(proc_cgroup, Path("/cg")) == (Path(file) if file else None)


@pytest.mark.parametrize(
    "text",
    ["oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", "low 0\nhigh 0\nmax 9\noom 5\noom_kill 2\noom_group_kill 0\n"],
)
def test_kills_are_counted_and_kept_when_the_cgroup_is_gone(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = tmp_path / "counter"
    counter.write_text(text)
    monkeypatch.setattr(oom, "counter_file", lambda _: counter)
    kills = OomKills()
    kills.watch(1)
    assert kills.count(killed=False) == 2
    counter.unlink()
    assert kills.count(killed=True) == 2


def test_where_the_cgroup_cant_be_seen_the_engines_word_counts_once() -> None:
    kills = OomKills()
    kills.watch(None)
    assert kills.count(killed=False) == 0
    assert kills.count(killed=True) == 1
