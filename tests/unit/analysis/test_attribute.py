"""Whole recordings of made-up apps in, verdicts out: every leak beside its clean twin."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.attribute import NOTHING_SAMPLED, analyse
from harness.analysis.windows import TRUNCATED
from harness.load.schedule import PlannedWindow
from harness.model.samples import Recording, TraceHeader
from harness.model.verdict import Verdict
from tests.unit.analysis.recordings import Machine, appended, blocks, clean, leak, level, mix, record, warmup
from tests.unit.analysis.runs import BIG, OTHERS, RUN, among_others, as_run, by_name, suspect, verdict


@pytest.mark.parametrize("confirmed", [False, True], ids=["blocks", "and bigger windows"])
@pytest.mark.parametrize("size_bytes", [128, 640, 8960])
def test_a_leak_is_found_and_sized_and_nobody_else_blamed(size_bytes: int, confirmed: bool) -> None:
    exact, in_array = (suspect(kind(size_bytes), confirmed=confirmed) for kind in (leak, appended))
    assert (exact.verdict, in_array.verdict) == ("leak", "leak")
    assert exact.bytes_per_request == pytest.approx(size_bytes, abs=0.5)
    assert size_bytes - 20 < in_array.bytes_per_request < size_bytes + 40
    assert in_array.ci95[0] < size_bytes + 20 < in_array.ci95[1] + 10


@pytest.mark.parametrize("reading", [0.0, 300.0, 1500.0], ids=lambda noise: f"noise {noise:.0f}")
def test_noise_widens_the_limits_and_changes_no_verdict(reading: float) -> None:
    app = among_others(appended(640))
    found = by_name(verdict(app, as_run(app, 12), Machine(reading=reading)))
    assert {name: endpoint.verdict for name, endpoint in found.items()} == {
        "clean": "clean", "other": "clean", "big": "clean", "suspect": "leak",
    }  # fmt: skip
    assert found["clean"].ci95[1] - found["clean"].ci95[0] > reading / 150


@pytest.mark.parametrize("held", [16_000, 1_000_000])
def test_a_leak_into_an_array_that_is_large_already_is_as_sure(held: int) -> None:
    """One doubling of it is more than all that the requests keep, or none comes at all."""
    app = among_others(appended(640, held))
    found = by_name(verdict(app, as_run(app, 12)))["suspect"]
    assert found.verdict == "leak"
    assert found.typical_bytes_per_request == pytest.approx(640, abs=20)
    assert found.ci95[0] > 600


def test_growth_by_time_is_told_and_blamed_on_nobody() -> None:
    drifting = verdict(OTHERS, as_run(OTHERS), Machine(per_second=20_000))
    assert drifting.time_driven_bytes_per_second == pytest.approx(20_000, rel=0.01)
    assert {endpoint.verdict for endpoint in drifting.endpoints} == {"clean"}
    assert verdict(OTHERS, as_run(OTHERS)).time_driven_bytes_per_second == 0.0


def test_without_idle_windows_growth_by_time_is_said_to_be_unknown() -> None:
    loaded = [window for window in as_run(OTHERS) if window.kind != "idle"]
    assert any("no idle windows" in note for note in verdict(OTHERS, loaded).notes)


@pytest.mark.parametrize("every", [2, 4, 9])
def test_recycled_workers_cost_windows_and_change_no_answer(every: int) -> None:
    app = among_others(appended(640))
    windows = as_run(app, 16)
    restarts = frozenset(range(5, len(windows), every))
    found = verdict(app, windows, Machine(restarts=restarts))
    assert by_name(found)["suspect"].verdict == "leak"
    assert by_name(found)["suspect"].bytes_per_request == pytest.approx(660, rel=0.06)
    assert {by_name(found)[name].verdict for name in OTHERS} == {"clean"}
    assert any(f"{len(restarts)} of" in note for note in found.notes)
    assert [event.kind for event in found.events] == ["worker_restart"] * len(restarts)


def test_a_worker_recycled_in_every_window_leaves_nothing_to_say() -> None:
    windows = as_run(OTHERS, 4)
    found = verdict(OTHERS, windows, Machine(restarts=frozenset(range(len(windows)))))
    assert found.outcome == "inconclusive"
    assert {endpoint.note for endpoint in found.endpoints} == {"too few unbroken windows"}


def test_an_endpoint_that_got_no_requests_is_inconclusive_and_harms_no_other() -> None:
    app = among_others(leak(640))
    found = verdict(app, [*warmup(app), *blocks(app, 8, only=["clean", "big", "suspect"])])
    assert {e.name: e.verdict for e in found.endpoints} == {
        "clean": "clean", "other": "inconclusive", "big": "clean", "suspect": "leak",
    }  # fmt: skip
    assert by_name(found)["other"].requests == 0


def test_endpoints_always_in_the_same_ratio_are_inconclusive() -> None:
    draw = np.random.default_rng(1)
    counts = [(int(a), 2 * int(a), int(b)) for a, b in draw.integers(20, 60, (40, 2))]
    app = {"a": leak(640), "twice as often": clean, "alone": leak(320)}
    found = by_name(verdict(app, [PlannedWindow(i, "load", c) for i, c in enumerate(counts)]))
    assert [endpoint.verdict for endpoint in found.values()] == ["inconclusive", "inconclusive", "leak"]
    assert "cannot be told apart" in found["a"].note


def test_what_only_the_mix_keeps_is_unattributed() -> None:
    windows = [*as_run(OTHERS), *mix(OTHERS)]
    pair = verdict(OTHERS, windows, Machine(together=lambda counts: 600 * min(counts[0], counts[1])))
    apart = verdict(OTHERS, windows)
    assert pair.unattributed_bytes_per_request == pytest.approx(200, rel=0.02)
    assert pair.outcome == "leak"
    assert {endpoint.verdict for endpoint in pair.endpoints} == {"clean"}
    assert (apart.unattributed_bytes_per_request, apart.outcome) == (0.0, "clean")


def test_a_leak_by_itself_is_not_unattributed_in_the_mix() -> None:
    app = among_others(appended(640))
    found = verdict(app, [*as_run(app), *mix(app, weights=[1, 1, 1, 5])])
    assert found.unattributed_bytes_per_request == 0.0


def test_a_native_leak_is_found_beside_a_heap_leak_once_it_is_quiet() -> None:
    app = {**among_others(appended(640)), "big": clean}
    loud, quiet = as_run(app), blocks(app, 6, first=20, only=list(OTHERS))
    found = by_name(verdict(app, [*loud, *quiet], Machine(native={"clean": 2048}, walk=4000, in_flight=BIG)))
    assert (found["clean"].verdict, found["clean"].channel, found["clean"].cause) == ("leak", "anon", "extension")
    assert found["clean"].bytes_per_request == pytest.approx(2048, rel=0.05)
    assert (found["suspect"].verdict, found["suspect"].channel) == ("leak", "php_heap")
    assert (found["other"].verdict, found["big"].verdict) == ("clean", "clean")
    without = by_name(verdict(app, [*loud, *quiet], Machine(walk=4000, in_flight=BIG)))
    assert {without[name].verdict for name in OTHERS} == {"clean"}


@pytest.mark.parametrize("windows", [8, 24])
def test_without_heaps_nothing_is_blamed_from_a_mixed_schedule(windows: int) -> None:
    app = among_others(appended(640))
    found = verdict(app, as_run(app, windows), Machine(heaps=False, in_flight=BIG))
    assert {endpoint.verdict for endpoint in found.endpoints} == {"inconclusive"}
    assert {endpoint.channel for endpoint in found.endpoints} == {"anon"}
    assert found.outcome == "inconclusive"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("windows", [6, 12])
def test_without_heaps_a_leak_shows_in_windows_that_all_end_alike_and_clears_the_others(
    windows: int, seed: int
) -> None:
    app = among_others(appended(640))
    each = [*warmup(app), *level(app, windows, seed=seed)]
    found = by_name(verdict(app, each, Machine(heaps=False, in_flight=BIG)))
    assert found["suspect"].verdict == "leak"
    assert found["suspect"].bytes_per_request == pytest.approx(660, rel=0.06)
    assert {found[name].verdict for name in OTHERS} <= {"clean", "bounded"}


def test_without_heaps_a_native_leak_is_found_too() -> None:
    each = [*warmup(OTHERS), *level(OTHERS, 8)]
    found = by_name(verdict(OTHERS, each, Machine(heaps=False, in_flight=BIG, native={"other": 2048})))
    assert found["other"].verdict == "leak"
    assert found["other"].bytes_per_request == pytest.approx(2048, rel=0.03)
    assert found["big"].verdict == "clean"


def test_without_heaps_and_without_a_leak_nobody_is_cleared_by_less_than_free_memory_could_hide() -> None:
    few = by_name(verdict(OTHERS, [*warmup(OTHERS), *level(OTHERS, 8)], Machine(heaps=False, in_flight=BIG)))
    assert {endpoint.verdict for endpoint in few.values()} == {"inconclusive"}
    assert "may have had room" in few["clean"].note
    many = by_name(verdict(OTHERS, [*warmup(OTHERS), *level(OTHERS, 10, 12_000)], Machine(heaps=False)))
    assert {endpoint.verdict for endpoint in many.values()} == {"clean"}


def test_without_heaps_a_leak_has_no_known_cause() -> None:
    """It may be the heap's or an extension's: only a flat heap tells."""
    each = [*warmup(OTHERS), *level(OTHERS, 10)]
    found = by_name(verdict(OTHERS, each, Machine(heaps=False, native={"other": 2048})))
    assert found["other"].cause == "unknown"


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_samples_are_inconclusive(count: int) -> None:
    whole = record(OTHERS, as_run(OTHERS, 1))
    found = analyse(whole.model_copy(update={"samples": whole.samples[:count]}), RUN)
    assert found.outcome == "inconclusive"
    assert {endpoint.note for endpoint in found.endpoints} == {NOTHING_SAMPLED}


def test_a_recording_that_was_cut_off_says_so() -> None:
    whole = record(OTHERS, as_run(OTHERS))
    assert TRUNCATED in analyse(whole.model_copy(update={"truncated": True}), RUN).notes
    assert TRUNCATED not in analyse(whole, RUN).notes


def test_failures_are_told_by_status() -> None:
    whole = record({"a": clean}, blocks({"a": clean}, 4))
    last = whole.samples[-1]
    broken = last.model_copy(update={"failures": (3,), "statuses": ({"200": 597, "500": 3},)})
    found = analyse(whole.model_copy(update={"samples": (*whole.samples[:-1], broken)}), RUN)
    assert found.endpoints[0].failures == {"200": 597, "500": 3}
    assert analyse(whole, RUN).endpoints[0].failures == {}


def test_an_app_without_windows_has_a_verdict_that_can_be_written() -> None:
    found = analyse(Recording(header=TraceHeader(endpoints=("a", "b")), samples=()), RUN, run_id="x")
    assert Verdict.model_validate_json(found.model_dump_json()) == found
    assert found.run_id == "x"


@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    kept=st.lists(st.sampled_from([0, 0, 0, 160, 640, 2048]), min_size=2, max_size=5),
    seed=st.integers(0, 10_000),
)
def test_any_app_gets_every_endpoint_right(kept: list[int], seed: int) -> None:
    app = {f"GET /{e}": appended(size) if size else clean for e, size in enumerate(kept)}
    found = verdict(app, [*warmup(app), *blocks(app, 12, seed=seed)], Machine(seed=seed))
    assert [e.verdict for e in found.endpoints] == ["leak" if size else "clean" for size in kept]
    assert found.outcome == ("leak" if any(kept) else "clean")


@settings(deadline=None, derandomize=True, max_examples=10)
@given(order=st.permutations(["clean", "other", "big", "suspect"]))
def test_the_order_of_the_endpoints_means_nothing(order: list[str]) -> None:
    app = among_others(leak(640))
    turned = {name: app[name] for name in order}
    found = by_name(verdict(turned, as_run(turned)))
    assert {name for name, endpoint in found.items() if endpoint.verdict == "leak"} == {"suspect"}
    assert found["suspect"].bytes_per_request == pytest.approx(640, abs=0.5)


@pytest.mark.parametrize(("pace", "said"), [(1.0, False), (0.9, False), (0.5, True)])
def test_a_generator_that_cannot_keep_the_asked_rate_is_told(pace: float, said: bool) -> None:
    whole = record(OTHERS, as_run(OTHERS))
    sent = [sum(b.requests) - sum(a.requests) for a, b in itertools.pairwise(whole.samples)]
    slow = [
        sample.model_copy(update={"window": sample.window.model_copy(update={"load_s": count / (300 * pace)})})
        for sample, count in zip(whole.samples[1:], sent, strict=True)
        if sample.window
    ]
    header = whole.header.model_copy(update={"schedule": whole.header.schedule | {"rate": 300.0}})
    found = analyse(whole.model_copy(update={"header": header, "samples": (whole.samples[0], *slow)}), RUN)
    assert any("of the 300 requests/s" in note for note in found.notes) is said
