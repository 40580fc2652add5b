"""Many runs of the same cases: what is planned, what became of each run, and how often each leak came back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from harness.model.base import Value
from harness.model.scenario import Scenario
from harness.model.verdict import Channel, EndpointOutcome, Verdict

PLAIN: Final = "plain"

RunState = Literal["measured", "failed", "unfinished", "waiting"]


class CampaignCase(Value):
    """One scenario under one variant, which is in the scenario already.

    `variables` are those of the environment that the variant sets. `digest` is of what was written, not of paths or
    of the environment, so that it is the same on every machine.
    """

    scenario: Scenario
    variant: str = PLAIN
    variables: dict[str, str] = {}
    digest: str


class Campaign(Value):
    """A campaign file after reading. `retries` are attempts after a failed one; no `engines`: the default one."""

    name: str
    description: str = ""
    source: Path
    seed: Annotated[int, Field(ge=0)] = 0
    repetitions: Annotated[int, Field(ge=1)] = 1
    retries: Annotated[int, Field(ge=0)] = 0
    engines: tuple[str, ...] = ()
    cases: tuple[CampaignCase, ...]


class Slot(Value):
    """A planned run; `id` is unique and can be the name of a folder, `seed` is its schedule's."""

    id: str
    scenario: str
    variant: str
    repetition: int
    seed: int


class Shard(Value):
    """The part `index` (from 1) of `count` of a plan."""

    index: Annotated[int, Field(ge=1)] = 1
    count: Annotated[int, Field(ge=1)] = 1


class CampaignPlan(Value):
    """What a campaign's folder says of itself (`campaign.json`); `slots` are those of all shards, in their order."""

    schema_version: Literal[1] = 1
    name: str
    seed: int
    retries: int
    shard: Shard = Shard()
    slots: tuple[Slot, ...]

    @property
    def own_slots(self) -> tuple[Slot, ...]:
        """Every `count`-th one, so that shards have the cases in equal parts."""
        return self.slots[self.shard.index - 1 :: self.shard.count]


class Outcome(Value):
    """How an attempt at a run ended (`outcome.json`, written last); `error` is said of one without a verdict."""

    exit_code: int
    error: str = ""
    hint: str = ""
    engine: str = ""
    took_s: Annotated[float, Field(ge=0)] = 0.0


class Attempt(Value):
    """One folder; `outcome` None: it was cut off, or still goes on."""

    folder: Path
    number: int
    outcome: Outcome | None = None


class CampaignRun(Value):
    """What became of a slot. `verdict` is that of the attempt that was measured."""

    slot: Slot
    state: RunState
    attempts: tuple[Attempt, ...] = ()
    verdict: Verdict | None = None

    @property
    def last(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None


class Reproduction(Value):
    """How often one endpoint of a case leaked, over the measured runs.

    `ci95` is Clopper and Pearson's for the rate: exact, so never too narrow. An inconclusive run counts as one in which
    the leak was not found. Bytes are over the runs that found a leak.
    """

    scenario: str
    variant: str
    endpoint: str
    runs: int
    verdicts: dict[EndpointOutcome, int]
    rate: float
    ci95: tuple[float, float]
    channels: tuple[Channel, ...] = ()
    median_bytes_per_request: float | None = None
    least_bytes_per_request: float | None = None
    most_bytes_per_request: float | None = None

    @property
    def consistent(self) -> bool:
        """Every run said the same."""
        return len(self.verdicts) == 1


class CampaignResult(Value):
    """What a campaign, or several shards of it together, came to; `remarks` are for people."""

    name: str
    seed: int
    runs: tuple[CampaignRun, ...]
    cases: tuple[Reproduction, ...]
    remarks: tuple[str, ...] = ()

    def in_state(self, state: RunState) -> tuple[CampaignRun, ...]:
        return tuple(run for run in self.runs if run.state == state)
