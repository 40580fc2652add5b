"""What is run, in which order: a pure function of the campaign file, so that it need not be kept to be known again."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from hashlib import sha256

from harness.errors import InputError
from harness.model.campaign import Campaign, CampaignCase, CampaignPlan, Shard, Slot

_SHARD = re.compile(r"(\d{1,4})/(\d{1,4})")


def plan_of(campaign: Campaign, shard: Shard) -> CampaignPlan:
    """Every case once a repetition, in an order drawn anew for each.

    So a drift of the machine spreads over all cases, and a campaign that is stopped early has each equally often.
    """
    slots: list[Slot] = []
    for repetition in range(1, campaign.repetitions + 1):
        block = [_slot(campaign.seed, case, repetition) for case in campaign.cases]
        random.Random(f"{campaign.seed}/{repetition}").shuffle(block)
        slots += block
    return CampaignPlan(
        name=campaign.name, seed=campaign.seed, retries=campaign.retries, shard=shard, slots=tuple(slots)
    )


def _slot(seed: int, case: CampaignCase, repetition: int) -> Slot:
    """Its id holds the digest of what is run: another scenario, variant or seed is another run."""
    identity = sha256(f"{seed}/{case.digest}/{repetition}".encode()).hexdigest()
    name = f"{case.scenario.name}+{case.variant}+{repetition}+{identity[:8]}"
    return Slot(
        id=name,
        scenario=case.scenario.name,
        variant=case.variant,
        repetition=repetition,
        seed=int(identity[8:16], 16),
    )


def case_of(campaign: Campaign, slot: Slot) -> CampaignCase:
    return next(case for case in campaign.cases if (case.scenario.name, case.variant) == (slot.scenario, slot.variant))


def parse_shard(text: str) -> Shard:
    """Reads "2/5". Raises InputError."""
    match = _SHARD.fullmatch(text)
    index, count = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= index <= count:
        raise InputError(f"--shard {text!r} is no part of a whole", hint="write it like 2/5, from 1/5 to 5/5")
    return Shard(index=index, count=count)


def same_plan(plans: Sequence[CampaignPlan]) -> bool:
    """Whether these are shards of one campaign."""
    return len({(plan.seed, frozenset(slot.id for slot in plan.slots)) for plan in plans}) == 1
