"""The section `diagnose` of a scenario: which tools look at what leaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.errors import InputError
from harness.model.diagnosis import DiagnosePlan
from harness.scenario import load_scenario


def plan_of(folder: Path, written: Any) -> DiagnosePlan | None:
    file = folder / "s.yaml"
    document = {"target": {"command": "php server.php"}, "endpoints": ["GET /"], "diagnose": written}
    file.write_text(yaml.safe_dump(document))
    return load_scenario(file, {"HOME": "/home/me"}).diagnose


@pytest.mark.parametrize(
    ("written", "plan"),
    [
        ("valgrind", DiagnosePlan(tools=("valgrind",))),
        ({"tools": "reli"}, DiagnosePlan(tools=("reli",))),
        ({"tools": ["xhprof", "memprof", "xhprof"]}, DiagnosePlan(tools=("xhprof", "memprof"))),
        (
            {"tools": ["massif"], "environment": {"WORKERS": 1, "HOME": None}, "requests": 20, "limit": "3m"},
            DiagnosePlan(tools=("massif",), environment={"WORKERS": "1", "HOME": "/home/me"}, requests=20, limit_s=180),
        ),
    ],
)
def test_it_is_read_as_people_write_it(written: Any, plan: DiagnosePlan, tmp_path: Path) -> None:
    assert plan_of(tmp_path, written) == plan


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"tools": ["gdb"]}, "one of valgrind"),
        ({"tools": []}, "the list is empty"),
        ({"requests": 5}, "tools is missing"),
        ({"tools": "xhprof", "requests": 0}, "from 1 to"),
    ],
)
def test_mistakes_are_told_with_what_may_be_written(written: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        plan_of(tmp_path, written)
