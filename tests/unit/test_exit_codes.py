"""The codes that the command ends with; other programs rely on them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import exit_codes
from harness.model.target import TargetState
from harness.model.verdict import EndpointOutcome, EndpointVerdict, Outcome, Verdict

KILLED = TargetState(running=False, exit_code=137, oom_kills=1)
CRASHED = TargetState(running=False, exit_code=139)
CODES = st.sampled_from([0, 1, 2, 3, 4, 130])


def verdict(outcome: Outcome, **endpoints: EndpointOutcome) -> Verdict:
    found = (
        EndpointVerdict(
            name=name, verdict=said, bytes_per_request=0, ci95=(0, 0), p_value=1, requests=1, channel="php_heap"
        )
        for name, said in endpoints.items()
    )
    return Verdict(run_id="", outcome=outcome, endpoints=tuple(found))


def test_the_numbers_are_the_promised_ones() -> None:
    codes = (exit_codes.CLEAN, exit_codes.LEAK, exit_codes.BAD_INPUT, exit_codes.INCONCLUSIVE)
    assert (*codes, exit_codes.COULD_NOT_MEASURE, exit_codes.INTERRUPTED) == (0, 1, 2, 3, 4, 130)


@pytest.mark.parametrize(("outcome", "code"), [("clean", 0), ("leak", 1), ("inconclusive", 3)])
@pytest.mark.parametrize("ended", [None, KILLED], ids=["went on", "killed at its memory limit"])
def test_the_outcome_is_the_code(outcome: Outcome, code: int, ended: TargetState | None) -> None:
    assert exit_codes.of_verdict(verdict(outcome), {}, ended) == code


@pytest.mark.parametrize("outcome", ["clean", "leak", "inconclusive"])
@pytest.mark.parametrize("expected", [{}, {"a": "leak"}])
def test_a_target_that_died_otherwise_was_not_measured(outcome: Outcome, expected: dict[str, EndpointOutcome]) -> None:
    assert exit_codes.of_verdict(verdict(outcome, a="leak"), expected, CRASHED) == 4


@pytest.mark.parametrize(
    ("expected", "found", "code"),
    [
        ({"a": "leak"}, {"a": "leak"}, 0),
        ({"a": "leak"}, {"a": "clean"}, 1),
        ({"a": "leak"}, {"a": "bounded"}, 1),
        ({"a": "leak"}, {"a": "inconclusive"}, 3),
        ({"a": "leak"}, {"a": "leak", "b": "clean"}, 0),
        ({"a": "leak"}, {"a": "leak", "b": "bounded"}, 0),
        ({"a": "leak"}, {"a": "leak", "b": "garbage"}, 0),
        ({"a": "leak"}, {"a": "leak", "b": "leak"}, 1),
        ({"a": "leak"}, {"a": "leak", "b": "inconclusive"}, 3),
        ({"a": "leak"}, {"a": "inconclusive", "b": "leak"}, 1),
        ({"a": "bounded"}, {"a": "bounded"}, 0),
        ({"a": "bounded"}, {"a": "clean"}, 1),
        ({"a": "inconclusive"}, {"a": "inconclusive"}, 0),
        ({"a": "inconclusive"}, {"a": "clean"}, 1),
        ({"a": "clean", "b": "leak"}, {"a": "clean", "b": "leak"}, 0),
    ],
)
def test_what_is_expected_is_no_failure_and_all_else_is(
    expected: dict[str, EndpointOutcome], found: dict[str, EndpointOutcome], code: int
) -> None:
    outcome: Outcome = "leak" if "leak" in found.values() else "clean"
    assert exit_codes.of_verdict(verdict(outcome, **found), expected) == code


def test_surprises_name_the_endpoint_and_what_was_found() -> None:
    found = verdict("leak", a="leak", b="clean", c="inconclusive", d="leak")
    assert exit_codes.surprises(found, {"a": "leak", "b": "leak"}) == {
        "b": "clean", "c": "inconclusive", "d": "leak",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("codes", "worst"),
    [
        ([], 0),
        ([0, 0], 0),
        ([0, 3], 3),
        ([3, 4], 4),
        ([4, 1, 3], 1),
        ([2, 4, 0], 2),
        ([1, 2], 1),
        ([0, 130, 1], 130),
    ],
)
def test_several_runs_end_in_the_worst_of_their_codes(codes: list[int], worst: int) -> None:
    assert all(exit_codes.worst(order) == worst for order in itertools.permutations(codes))


@settings(deadline=None, derandomize=True)
@given(st.lists(CODES, min_size=1))
def test_the_worst_is_one_of_them_and_zero_only_if_all_are(codes: list[int]) -> None:
    assert exit_codes.worst(codes) in codes
    assert (exit_codes.worst(codes) == 0) == (set(codes) == {0})


@pytest.mark.parametrize(("code", "answer"), [(0, 0), (1, 1), (3, 125), (4, 125), (2, 128), (130, 128)])
def test_git_bisect_is_answered_in_its_own_codes(code: int, answer: int) -> None:
    assert exit_codes.for_bisect(code) == answer
