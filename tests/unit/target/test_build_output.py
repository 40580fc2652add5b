from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InputError, TargetError
from harness.model.target import BuildSpec
from harness.target.build import build_image, follow_build
from harness.target.cleanup import Cleanup
from harness.target.labels import RunLabels

CONTEXT = Path("/app")
STEPS: list[dict[str, Any]] = [
    {"stream": "Step 1/2 : FROM php:8.2-cli"},
    {"stream": "\n"},
    {"stream": " ---> 0123456789ab\n"},
    {"stream": "Step 2/2 : RUN composer install\n ---> Running in aaaaaaaaaaaa\n"},
    {"stream": "Removing intermediate container aaaaaaaaaaaa\n ---> ba9876543210\n"},
    {"aux": {"ID": "sha256:ba98"}},
]


def test_each_steps_image_is_noted() -> None:
    steps: list[str] = []
    follow_build(STEPS, steps, CONTEXT)
    assert steps == ["0123456789ab", "ba9876543210"]


def test_a_failing_step_is_told_with_the_end_of_the_output() -> None:
    steps: list[str] = []
    output: list[dict[str, Any]] = [{"stream": f"line {number}\n"} for number in range(100)]
    with pytest.raises(TargetError) as caught:
        follow_build([*STEPS, *output, {"error": "composer install returned 2"}], steps, CONTEXT)
    assert "the build of /app failed: composer install returned 2" in caught.value.message
    assert "  | line 99" in caught.value.message
    assert "line 9\n" not in caught.value.message
    assert steps == ["0123456789ab", "ba9876543210"]


def test_the_output_is_read_to_its_end_whatever_failed() -> None:
    output: Iterator[dict[str, Any]] = iter([{"error": "composer install returned 2"}, {"aux": {"ID": "sha256:ba98"}}])
    with pytest.raises(TargetError, match="returned 2"):
        follow_build(output, [], CONTEXT)
    assert next(output, None) is None


def test_a_dockerfile_that_needs_buildkit_is_told_so() -> None:
    with pytest.raises(TargetError) as caught:
        follow_build([{"error": "the --mount option requires BuildKit"}], [], CONTEXT)
    assert "target.image" in caught.value.hint


def test_a_missing_dockerfile_is_an_input_error(tmp_path: Path) -> None:
    spec = BuildSpec(context=tmp_path, dockerfile="Nope", port=80)
    with pytest.raises(InputError, match="Nope to build"):
        build_image(spec, RunLabels("r", "s"), None, Cleanup())  # type: ignore[arg-type]  # never asked
