"""What holds for every command: help, version, bad options, colours, outputs that take no UTF-8."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

import harness
from harness.cli.main import cli
from tests.unit.cli.conftest import Hyperleak

TRACE = Path(__file__).parents[2] / "data/traces/static-big-cache.jsonl"
COMMANDS = sorted(cli.list_commands(click.Context(cli)))


@pytest.fixture
def at_a_terminal(hyperleak: Hyperleak, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What a command writes where stdout is a terminal."""
    monkeypatch.setenv("TERM", "xterm-256color")

    def run(*arguments: object) -> str:
        reader, terminal = os.openpty()
        with monkeypatch.context() as patch, os.fdopen(terminal, "w") as screen:
            patch.setattr(sys, "stdout", screen)
            assert hyperleak(*arguments).code == 1
            screen.flush()
            text = os.read(reader, 65536).decode()
        os.close(reader)
        return text

    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, hyperleak: Hyperleak) -> None:
    done = hyperleak(command, "--help")
    assert done.code == 0
    assert f"hyperleak {command}" in done.out or "Usage:" in done.out


@pytest.mark.parametrize("command", sorted(COMMANDS))
@pytest.mark.parametrize("option", ["--json", "--quiet", "--verbose", "--no-color"])
def test_the_output_options_are_everywhere(command: str, option: str, hyperleak: Hyperleak) -> None:
    assert option in hyperleak(command, "-h").out


def test_the_version_is_the_packages(hyperleak: Hyperleak) -> None:
    assert hyperleak("--version").out == f"hyperleak, version {harness.__version__}\n"


@pytest.mark.parametrize("arguments", [["nonsense"], ["run"], ["run", "--nonsense", "x"], ["screen", "--pid", "zero"]])
def test_a_command_line_that_makes_no_sense_is_bad_input(arguments: list[str], hyperleak: Hyperleak) -> None:
    done = hyperleak(*arguments)
    assert done.code == 2
    assert "Error:" in done.err
    assert done.out == ""


@pytest.mark.parametrize("size", ["much", "0", "-5", "5 apples", "1e400MiB"])
def test_a_threshold_that_is_no_size_is_bad_input(size: str, hyperleak: Hyperleak) -> None:
    done = hyperleak("analyze", TRACE, f"--threshold={size}")
    assert done.code == 2
    assert "--threshold" in done.err


def test_colours_are_for_terminals_that_want_them(
    at_a_terminal: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\x1b[1;31mLEAK" in at_a_terminal("analyze", TRACE)
    assert "\x1b[1;31m" not in at_a_terminal("analyze", TRACE, "--no-color")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1;31m" not in at_a_terminal("analyze", TRACE)


def test_a_pipe_that_takes_ascii_alone_still_gets_the_document() -> None:
    command = [sys.executable, "-c", "from harness.cli.main import main; main()", "analyze", str(TRACE), "--json"]
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, env=ascii_only, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout.decode("ascii"))["outcome"] == "leak"
