"""Completion as a real bash asks for it: commands, options, scenarios, and folders of runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Hyperleak

Offered = Callable[[str], list[str]]


@pytest.fixture
def offered(tmp_path: Path, hyperleak: Hyperleak) -> Offered:
    """What bash offers at the end of a line that begins with `hyperleak`."""
    program = tmp_path / "bin/hyperleak"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom harness.cli.main import main\nmain()\n")
    program.chmod(0o755)
    script = tmp_path / "completion.bash"
    script.write_text(hyperleak("completion", "bash").out)

    def complete(line: str) -> list[str]:
        words = line.split(" ")
        listed = " ".join(f"'{word}'" for word in words)
        code = (
            f"source {script}; COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; "
            '_hyperleak_completion hyperleak; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        root = str(Path(__file__).resolve().parents[3])
        environment = os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": root}
        done = subprocess.run(
            ["bash", "--norc", "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path, check=True
        )
        assert done.stderr == ""
        return [reply for reply in done.stdout.split("\n") if reply]

    return complete


def test_commands_and_options_are_offered(offered: Offered) -> None:
    assert {"run", "report", "init", "completion"} <= set(offered("hyperleak "))
    assert offered("hyperleak che") == ["check"]
    assert "--threshold" in offered("hyperleak run --thr")
    assert offered("hyperleak completion z") == ["zsh"]


def test_scenarios_and_the_folders_on_the_way_are_offered(offered: Offered, tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    for name in ("a.yaml", "b.yml", "c.txt", ".hidden.yaml"):
        (tmp_path / "scenarios" / name).write_text("")
    assert offered("hyperleak check sc") == ["scenarios/"]
    assert offered("hyperleak run scenarios/") == ["scenarios/a.yaml", "scenarios/b.yml"]
    assert offered("hyperleak plan ./scenarios/b") == ["./scenarios/b.yml"]


def test_runs_are_offered_the_newest_first(offered: Offered, tmp_path: Path) -> None:
    for name in ("20260101T000000Z-a-1", "20260301T000000Z-b-2"):
        run = tmp_path / "results/shop" / name
        run.mkdir(parents=True)
        (run / "record.json").write_text("{}")
    newest, oldest = "results/shop/20260301T000000Z-b-2", "results/shop/20260101T000000Z-a-1"
    assert offered("hyperleak report ") == [newest, oldest]
    assert offered("hyperleak report results/shop/20260101") == [oldest]
    assert offered("hyperleak analyze res") == ["results/"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_of_its_own(shell: str, hyperleak: Hyperleak) -> None:
    done = hyperleak("completion", shell)
    assert done.code == 0
    assert f"_HYPERLEAK_COMPLETE={shell}_complete" in done.out
    assert json.loads(hyperleak("completion", shell, "--json").out)["script"] in done.out


def test_another_shell_is_bad_input(hyperleak: Hyperleak) -> None:
    assert hyperleak("completion", "tcsh").code == 2
