"""The plan: a pure function of the file, complete, shuffled, and cut into equal parts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.campaign.plan import parse_shard, plan_of, same_plan
from harness.campaign.progress import Progress
from harness.model.campaign import Attempt, Campaign, CampaignCase, CampaignRun, Outcome, RunState, Shard, Slot
from harness.model.load import Endpoint, Request
from harness.model.scenario import Scenario
from harness.model.target import ImageSpec

WHOLE = Shard()


def campaign(cases: int = 3, repetitions: int = 4, seed: int = 1, **values: object) -> Campaign:
    scenario = Scenario(
        name="shop",
        source=Path("/shop.yaml"),
        target=ImageSpec(image="app", port=80),
        endpoints=(Endpoint(name="GET /", request=Request(path="/")),),
    )
    made = tuple(CampaignCase(scenario=scenario, variant=f"v{i}", digest=f"d{i}") for i in range(cases))
    return Campaign(name="c", source=Path("/c.yaml"), seed=seed, repetitions=repetitions, cases=made)


@given(st.integers(1, 8), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_every_repetition_has_every_case_once(cases: int, repetitions: int, seed: int) -> None:
    plan = plan_of(campaign(cases, repetitions, seed), WHOLE)
    blocks = [plan.slots[i : i + cases] for i in range(0, len(plan.slots), cases)]
    assert len(blocks) == repetitions
    assert all({slot.variant for slot in block} == {f"v{i}" for i in range(cases)} for block in blocks)
    assert [{slot.repetition for slot in block} for block in blocks] == [{n + 1} for n in range(repetitions)]
    assert len({slot.id for slot in plan.slots}) == len(plan.slots)
    assert plan == plan_of(campaign(cases, repetitions, seed), WHOLE)


@given(st.integers(1, 7), st.integers(1, 10), st.integers(1, 9))
def test_shards_share_a_plan_without_rest(cases: int, repetitions: int, count: int) -> None:
    shards = [plan_of(campaign(cases, repetitions), Shard(index=i + 1, count=count)) for i in range(count)]
    owned = [slot.id for shard in shards for slot in shard.own_slots]
    assert sorted(owned) == sorted(slot.id for slot in shards[0].slots)
    sizes = [len(shard.own_slots) for shard in shards]
    assert max(sizes) - min(sizes) <= 1
    assert same_plan(shards)


def test_the_order_is_another_in_each_repetition_and_with_each_seed() -> None:
    plan = plan_of(campaign(6, 6), WHOLE)
    orders = {tuple(slot.variant for slot in plan.slots[i : i + 6]) for i in range(0, 36, 6)}
    assert len(orders) > 3
    assert [s.variant for s in plan_of(campaign(6, 6, seed=2), WHOLE).slots] != [s.variant for s in plan.slots]


def test_another_seed_or_case_is_another_run() -> None:
    first = plan_of(campaign(), WHOLE)
    assert not same_plan([first, plan_of(campaign(seed=2), WHOLE)])
    changed = campaign()
    other = changed.cases[0].model_copy(update={"digest": "changed"})
    changed = changed.model_copy(update={"cases": (other, *changed.cases[1:])})
    kept = {slot.id for slot in first.slots} & {slot.id for slot in plan_of(changed, WHOLE).slots}
    assert len(kept) == 8


def test_more_repetitions_leave_the_first_as_they_were() -> None:
    few, many = plan_of(campaign(repetitions=2), WHOLE), plan_of(campaign(repetitions=5), WHOLE)
    assert many.slots[: len(few.slots)] == few.slots


@pytest.mark.parametrize(("text", "shard"), [("1/1", (1, 1)), ("2/5", (2, 5)), ("5/5", (5, 5))])
def test_a_shard_is_a_part_of_a_whole(text: str, shard: tuple[int, int]) -> None:
    assert parse_shard(text) == Shard(index=shard[0], count=shard[1])


def run(variant: str, state: RunState, took_s: float) -> CampaignRun:
    slot = Slot(id=variant, scenario="s", variant=variant, repetition=1, seed=0)
    attempt = Attempt(folder=Path("/r"), number=1, outcome=Outcome(exit_code=0, took_s=took_s))
    return CampaignRun(slot=slot, state=state, attempts=(attempt,) if state != "waiting" else ())


def test_the_time_left_is_that_of_the_cases_left() -> None:
    runs = [run("slow", "measured", 60), run("slow", "waiting", 0), run("fast", "measured", 2)]
    runs += [run("fast", "waiting", 0)] * 3
    assert Progress.of(runs, 1).left_s == 66
    assert Progress.of(runs, 2).left_s == 33
    assert Progress.of([*runs, run("new", "waiting", 0)], 1).left_s == 97
    assert Progress.of([run("new", "waiting", 0)], 1).left_s is None


def test_an_attempt_that_has_to_be_made_again_is_no_progress() -> None:
    before = Progress.of([run("a", "waiting", 0), run("b", "waiting", 0)], 1)
    assert before.after(run("a", "waiting", 0)) == before
    assert before.after(run("a", "unfinished", 3)) == before
    after = before.after(run("a", "failed", 3))
    assert (after.done, after.failed, after.planned) == (1, 1, 2)
