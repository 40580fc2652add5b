"""Finding a container's memory cgroup on v1, v2 and hybrid hosts, and reading what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import SampleError
from harness.model.samples import CgroupReading
from harness.model.target import TargetHandle
from harness.sample.cgroup import open_cgroup
from harness.sample.cgroup_files import CgroupFiles, CgroupPlace, is_member, locate_cgroup
from harness.sample.charge import charge, parse_flat, parse_oom_kills

ID = "c0ffee" + "0" * 58
PID = 4711

V1_STAT = """\
cache 100
rss 10
inactive_file 30
total_cache 1000
total_rss 4096
total_inactive_file 300
hierarchical_memory_limit 9223372036854771712
"""
V2_STAT = "anon 8192\nfile 2000\nkernel 77\ninactive_file 500\nanon_thp 0\n"

V1_MOUNT = "35 31 0:32 / {root}/memory rw,relatime shared:9 - cgroup cgroup rw,memory"
V2_MOUNT = "41 31 0:38 / {root}/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate"


class Host:
    """A made-up /proc and /sys/fs/cgroup below a folder."""

    def __init__(self, folder: Path) -> None:
        self.proc = folder / "proc"
        self.sys = folder / "sys"

    def mounts(self, *lines: str) -> None:
        file = self.proc / "self" / "mountinfo"
        file.parent.mkdir(parents=True)
        file.write_text("\n".join(line.format(root=self.sys) for line in lines) + "\n")

    def process(self, text: str) -> None:
        file = self.proc / str(PID) / "cgroup"
        file.parent.mkdir(parents=True)
        file.write_text(text)

    def cgroup(self, path: str, **files: str) -> Path:
        directory = self.sys / path
        directory.mkdir(parents=True)
        for name, text in files.items():
            (directory / name.replace("__", ".")).write_text(text)
        return directory


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def v1_files(**more: str) -> dict[str, str]:
    return {
        "memory__stat": V1_STAT,
        "memory__usage_in_bytes": "5555\n",
        "memory__oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
        "cgroup__procs": "12\n7\n",
    } | more


def v2_files(**more: str) -> dict[str, str]:
    return {
        "memory__stat": V2_STAT,
        "memory__current": "9999\n",
        "memory__events": "low 0\nhigh 0\nmax 4\noom 2\noom_kill 1\noom_group_kill 0\n",
        "cgroup__procs": "21\n",
    } | more


@pytest.mark.parametrize(
    ("stat", "usage_bytes", "expected"),
    [
        (V1_STAT, 5555, (4096, 1000, 300, 5555)),
        ("cache 100\nrss 10\ninactive_file 30\n", None, (10, 100, 30, None)),
        (V2_STAT, 9999, (8192, 2000, 500, 9999)),
        ("anon 0\n", 0, (0, None, None, 0)),
    ],
)
def test_both_versions_come_out_as_the_same_reading(
    stat: str, usage_bytes: int | None, expected: tuple[int | None, ...]
) -> None:
    reading = charge(parse_flat(stat), usage_bytes)
    fields = (reading.anon_bytes, reading.file_bytes, reading.inactive_file_bytes, reading.usage_bytes)
    assert fields == expected


def test_a_stat_without_anonymous_memory_is_refused_rather_than_guessed() -> None:
    with pytest.raises(SampleError, match="none of anon, total_rss, rss"):
        charge(parse_flat("file 12\nnonsense\nanon x\n"), None)


@pytest.mark.parametrize(
    ("text", "kills"),
    [("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", 3), ("oom 9\noom_kill 0\n", 0), ("oom 1\n", None)],
)
def test_kills_for_memory_are_counted_where_the_kernel_tells_them(text: str, kills: int | None) -> None:
    assert parse_oom_kills(text) == kills


def test_a_v1_container_is_found_and_read(host: Host) -> None:
    host.mounts(V1_MOUNT)
    host.process(f"4:cpu,cpuacct:/docker/{ID}\n3:memory:/docker/{ID}\n1:name=systemd:/x\n")
    directory = host.cgroup(f"memory/docker/{ID}", **v1_files())
    place = locate_cgroup(PID, ID, host.proc)
    assert place == CgroupPlace(1, directory)
    source = CgroupFiles(place)
    assert source.read() == CgroupReading(anon_bytes=4096, file_bytes=1000, inactive_file_bytes=300, usage_bytes=5555)
    assert source.oom_kills() == 3
    assert source.pids() == (7, 12)
    source.close()
    source.close()


@pytest.mark.parametrize("scope", [f"system.slice/docker-{ID}.scope", f"docker/{ID}", f"user.slice/libpod-{ID}.scope"])
def test_a_v2_container_is_found_under_any_driver_s_name(host: Host, scope: str) -> None:
    host.mounts(V2_MOUNT)
    host.process(f"0::/{scope}\n")
    directory = host.cgroup(f"unified/{scope}", **v2_files())
    source = CgroupFiles(locate_cgroup(PID, ID, host.proc))
    assert source.place == CgroupPlace(2, directory)
    assert (source.read().anon_bytes, source.read().usage_bytes, source.oom_kills()) == (8192, 9999, 1)
    source.close()


def test_a_hybrid_host_is_read_where_its_memory_controller_is(host: Host) -> None:
    host.mounts(V2_MOUNT, V1_MOUNT)
    host.process(f"4:memory:/docker/{ID}\n0::/docker/{ID}\n")
    host.cgroup(f"unified/docker/{ID}", cgroup__procs="1\n")
    directory = host.cgroup(f"memory/docker/{ID}", **v1_files())
    assert locate_cgroup(PID, ID, host.proc) == CgroupPlace(1, directory)


def test_a_container_that_runs_systemd_is_read_as_a_whole(host: Host) -> None:
    host.mounts(V2_MOUNT)
    host.process(f"0::/docker/{ID}/init.scope\n")
    directory = host.cgroup(f"unified/docker/{ID}", **v2_files())
    host.cgroup(f"unified/docker/{ID}/system.slice", cgroup__procs="")
    host.cgroup(f"unified/docker/{ID}/system.slice/php.service", cgroup__procs="31\n32\n0\n")
    source = CgroupFiles(locate_cgroup(PID, ID, host.proc))
    assert source.place.directory == directory
    assert source.pids() == (21, 31, 32)
    source.close()


def test_a_mount_that_begins_below_the_root_is_understood(host: Host) -> None:
    host.mounts(f"35 31 0:32 /docker {host.sys}/my\\040mount rw - cgroup cgroup rw,memory")
    host.process(f"3:memory:/docker/{ID}\n")
    directory = host.cgroup(f"my mount/{ID}", **v1_files())
    assert locate_cgroup(PID, ID, host.proc).directory == directory


def test_somebody_else_s_process_with_the_container_s_pid_is_not_believed(host: Host) -> None:
    host.mounts(V2_MOUNT)
    host.process("0::/user.slice/session.scope\n")
    host.cgroup("unified/user.slice/session.scope", **v2_files())
    with pytest.raises(SampleError, match="is not of container c0ffee") as refused:
        locate_cgroup(PID, ID, host.proc)
    assert "another machine" in refused.value.hint
    assert not is_member(PID, ID, host.proc)


def test_a_hidden_cgroup_says_what_would_show_it(host: Host) -> None:
    host.mounts(V1_MOUNT)
    host.process(f"3:memory:/docker/{ID}\n")
    with pytest.raises(SampleError, match="mounted nowhere here") as refused:
        locate_cgroup(PID, ID, host.proc)
    assert "/sys/fs/cgroup" in refused.value.hint
    assert is_member(PID, ID, host.proc)


def test_a_process_that_is_not_here_is_told_so(host: Host) -> None:
    with pytest.raises(SampleError, match=f"process {PID} of the container is not seen here"):
        locate_cgroup(PID, ID, host.proc)
    assert not is_member(PID, ID, host.proc)


def test_a_kernel_without_memory_cgroups_is_told_so(host: Host) -> None:
    host.process("4:cpu:/x\n")
    with pytest.raises(SampleError, match="no memory cgroup"):
        locate_cgroup(PID, ID, host.proc)


def test_files_that_are_missing_are_named(host: Host) -> None:
    directory = host.cgroup("somewhere", memory__stat=V2_STAT)
    with pytest.raises(SampleError, match=r"memory\.current: No such file"):
        CgroupFiles(CgroupPlace(2, directory))


def test_a_local_process_has_no_cgroup_of_its_own() -> None:
    assert open_cgroup(TargetHandle(kind="command", base_url="", root_pid=1), None) == (None, ())


def test_every_refusal_is_kept_with_its_reason() -> None:
    handle = TargetHandle(kind="attached", base_url="", root_pid=1, container_id=ID)
    source, refusals = open_cgroup(handle, None)
    assert source is None
    assert [refusal.message for refusal in refusals] == [
        f"process 1 on this host is not of container {ID[:12]} (its cgroup is {_own_memory_path()})"
    ]


def _own_memory_path() -> str:
    """Of process 1: what the kernel of the tests' machine really says."""
    lines = [line.split(":", 2) for line in Path("/proc/1/cgroup").read_text().splitlines()]
    v1 = [path for _, controllers, path in lines if "memory" in controllers.split(",")]
    return (v1 or [path for _, controllers, path in lines if not controllers])[0]
