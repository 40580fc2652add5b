from __future__ import annotations

import pytest
from rich.console import Console

from harness.cli.output import Output


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str]) -> Output:
    return Output(Console(no_color=True), json_asked=False, quiet=False)
