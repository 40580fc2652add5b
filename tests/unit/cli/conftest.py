"""The whole command line in this process: arguments in, exit code and both outputs out."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from harness.cli.main import main
from tests.command import Finished

Hyperleak = Callable[..., Finished]


@pytest.fixture
def hyperleak(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Hyperleak:
    monkeypatch.delenv("NO_COLOR", raising=False)

    def run(*arguments: object) -> Finished:
        monkeypatch.setattr(sys, "argv", ["hyperleak", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Finished(ended.value.code, written.out, written.err)

    return run
