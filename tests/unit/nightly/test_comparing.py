"""Comparing kept runs: like environments, renamed endpoints, known leaks."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InputError
from harness.model.comparison import Comparison, KnownLeak
from harness.model.verdict import Holder
from harness.nightly.comparing import code_of, compare_sides
from harness.nightly.known import KnownLeaks
from harness.nightly.runs import read_side
from tests.unit.nightly.kept import ENVIRONMENT, environment, keep, measured

CLEAN = measured("GET /clean", 0.0, 0.1)


def compared(before: Path, after: Path, **options: Any) -> Comparison:
    return compare_sides(read_side([str(before)]), read_side([str(after)]), **options)


@pytest.mark.parametrize(
    ("target", "refused"),
    [
        ({"php_version": "8.4.1"}, ["php_version"]),
        ({"php_version": "8.2.30"}, []),
        ({"php_version": None}, []),
        ({"php_processes": 5, "memory_limit_bytes": 1}, ["php_processes"]),
        ({"kind": "build", "image_id": "sha256:2", "kernel": "6.1", "engine_version": "27"}, []),
        ({"kind": "command"}, ["kind"]),
        ({"architecture": "aarch64"}, ["architecture"]),
    ],
)
def test_unlike_environments_are_refused_by_name(target: dict[str, Any], refused: list[str], tmp_path: Path) -> None:
    before = keep(tmp_path, CLEAN)
    after = keep(tmp_path, CLEAN, night=1, environment=environment(**target))
    found = compared(before, after)
    assert [field.field for field in found.unlike] == refused
    assert (found.outcome, code_of(found)) == (("not_comparable", 3) if refused else ("same", 0))
    allowed = compared(before, after, allowed=refused)
    assert (allowed.outcome, code_of(allowed)) == ("same", 0)
    assert all(any(field in note for note in allowed.notes) for field in refused)


def test_the_kernel_matters_where_memory_is_the_kernels(tmp_path: Path) -> None:
    native = measured("GET /a", 0.0, channel="anon")
    before = keep(tmp_path, native, environment=environment(kernel="6.1"))
    after = keep(tmp_path, native, night=1, environment=environment(kernel="6.8"))
    assert [field.field for field in compared(before, after).unlike] == ["kernel"]


def test_other_scenarios_and_loads_are_unlike(tmp_path: Path) -> None:
    before = keep(tmp_path, CLEAN)
    faster = ENVIRONMENT | {"schedule": ENVIRONMENT["schedule"] | {"rate": 900.0}}
    after = keep(tmp_path, CLEAN, scenario="other", environment=faster)
    assert {field.field for field in compared(before, after).unlike} == {"scenario", "rate"}


def with_requests(*requests: str) -> dict[str, Any]:
    return ENVIRONMENT | {"schedule": ENVIRONMENT["schedule"] | {"requests": list(requests)}}


def test_a_renamed_endpoint_is_found_by_its_request(tmp_path: Path) -> None:
    before = keep(tmp_path, measured("cart", 0.0), CLEAN, environment=with_requests("GET /cart", "GET /clean"))
    after = keep(
        tmp_path, measured("basket", 640.0), CLEAN, night=1, environment=with_requests("GET /cart", "GET /clean")
    )
    found = compared(before, after).endpoints[0]
    assert (found.name, found.was, found.outcome) == ("basket", "cart", "regression")
    assert "the same request" in found.note


def test_a_renamed_endpoint_is_found_by_its_path_or_its_holder(tmp_path: Path) -> None:
    holder = Holder(path="App\\Cart::$items", bytes_per_request=640.0, elements_per_request=1.0)
    before = keep(tmp_path, measured("GET /cart?id=1", 0.0), measured("old", 640.0, holders=(holder,)))
    after = keep(tmp_path, measured("GET /cart/?id=2", 0.0), measured("new", 640.0, holders=(holder,)), night=1)
    assert [(e.name, e.was) for e in compared(before, after).endpoints] == [
        ("GET /cart/?id=2", "GET /cart?id=1"),
        ("new", "old"),
    ]


def test_where_two_would_fit_nothing_was_renamed(tmp_path: Path) -> None:
    before = keep(tmp_path, measured("GET /cart?id=1", 0.0), measured("GET /cart?id=2", 0.0))
    after = keep(tmp_path, measured("GET /cart?id=3", 0.0), night=1)
    assert sorted(e.outcome for e in compared(before, after).endpoints) == ["gone", "gone", "new"]


def test_a_known_regression_is_shown_and_doesnt_fail(tmp_path: Path) -> None:
    known = KnownLeaks((KnownLeak(endpoint="GET /c*", reason="vendor", expires=date(2030, 1, 1)),))
    before, after = keep(tmp_path, measured("GET /cart", 0.0)), keep(tmp_path, measured("GET /cart", 640.0), night=1)
    found = compared(before, after, known=known)
    assert (found.outcome, code_of(found)) == ("same", 0)
    assert (found.endpoints[0].outcome, found.endpoints[0].known) == ("regression", "vendor")


def test_half_of_the_scenarios_threshold_is_a_change(tmp_path: Path) -> None:
    before, after = keep(tmp_path, measured("GET /a", 0.0)), keep(tmp_path, measured("GET /a", 50.0), night=1)
    assert compared(before, after).threshold_bytes == 32.0
    assert compared(before, after).outcome == "regression"
    assert compared(before, after, threshold_bytes=100.0).outcome == "same"


def test_a_run_with_itself_and_an_unknown_field_are_bad_input(tmp_path: Path) -> None:
    run = keep(tmp_path, CLEAN)
    with pytest.raises(InputError, match="both sides"):
        compared(run, run)
    with pytest.raises(InputError, match="--allow-unlike colour"):
        compared(run, keep(tmp_path, CLEAN, night=1), allowed=["colour"])
