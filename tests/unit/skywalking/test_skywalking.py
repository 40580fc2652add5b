"""`hyperleak skywalking` against a server that answers as an OAP does."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from graphql import parse, validate

from harness.model.samples import Sample, TraceHeader
from harness.remote import PHP_MEMORY
from harness.skywalking import queries
from tests.command import Finished, hyperleak
from tests.unit.skywalking.oap import MINUTE, FakeOap, schema, serving
from tests.unit.verdicts import endpoint, verdict_of

MINUTES = 40
ENDED = datetime.now(UTC).replace(second=0, microsecond=0) - 2 * MINUTE
BEGAN = ENDED - MINUTES * MINUTE
RATE = 12_000


def minutely(value: Callable[[int], float], began: datetime = BEGAN) -> dict[datetime, float]:
    return {began + place * MINUTE: value(place) for place in range(MINUTES)}


def shop(mebibytes_a_minute: float, **more: object) -> FakeOap:
    """Its traffic pauses for a minute out of five."""
    calls = minutely(lambda place: RATE * (place % 5 > 0))
    busy = [sum(calls[BEGAN + i * MINUTE] for i in range(place)) / RATE for place in range(MINUTES)]
    memory = minutely(lambda place: round(300 + mebibytes_a_minute * busy[place]))
    return FakeOap({PHP_MEMORY: memory, "service_instance_cpm": calls}, **more)  # type: ignore[arg-type]


def ask(oap: FakeOap, *arguments: object) -> Finished:
    return hyperleak("skywalking", "--url", oap.url, "--service", "shop", *arguments)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of forty minutes that sent the same requests."""
    stamp = (BEGAN - MINUTE).strftime("%Y%m%dT%H%M%SZ")
    folder = tmp_path / f"{stamp}-44f29a0-e15882"
    folder.mkdir()
    verdict = verdict_of(endpoint(), run_id=f"shop-{stamp.lower()}-e15882")
    (folder / "record.json").write_text(verdict.model_dump_json())
    lines: list[TraceHeader | Sample] = [TraceHeader(endpoints=("GET /static",))]
    sent = 0
    for place in range(MINUTES + 1):
        lines.append(Sample(elapsed_s=60.0 * place, requests=(sent,), failures=(0,)))
        sent += RATE * (place % 5 > 0)
    (folder / "samples.jsonl").write_text("".join(line.model_dump_json() + "\n" for line in lines))
    os.utime(folder / "samples.jsonl", (ENDED.timestamp(),) * 2)
    (folder / "scenario.yaml").write_text("name: shop\n")
    os.utime(folder / "scenario.yaml", ((BEGAN - MINUTE).timestamp(),) * 2)
    return folder


@pytest.mark.parametrize(
    "query",
    [queries.TIME, queries.SERVICE, queries.INSTANCES, queries.VALUES, queries.METRICS],
    ids=lambda q: q.split()[1],
)
def test_queries_are_of_the_protocol(query: str) -> None:
    assert validate(schema(), parse(query)) == []


def test_a_service_that_grows_is_told_with_the_calls_that_were_counted() -> None:
    with serving(shop(8.0)) as oap:
        done = ask(oap, "--last", "2h", "--json")
    assert done.code == 0
    found = done.document
    assert (found["answer"], found["instance"]) == ("grows", "shop-1")
    low, high = found["limits"]
    assert low < 8 * 1024**2 / RATE < high
    assert found["quantum_bytes"] == 1024**2
    assert found["idle_bytes_per_second"] is not None


def test_its_clean_twin_is_flat_and_what_it_cant_see_is_said() -> None:
    with serving(shop(0.0)) as oap:
        done = ask(oap, "--last", "40m")
    assert done.code == 0
    assert "doesn't grow" in done.out
    assert "what a worker keeps doesn't show" in done.out
    assert "steps of 1,048,576 bytes" in done.out
    assert "LEAK" not in done.out


def test_a_runs_own_requests_are_taken_and_its_verdict_stands_beside(run: Path) -> None:
    with serving(shop(8.0)) as oap:
        done = ask(oap, run)
    assert done.code == 0
    assert "The run itself: LEAK: GET /static" in done.out
    assert "grows with the requests" in done.out
    assert not any(asked.get("expression") == "service_instance_cpm" for asked in oap.asked)


@pytest.mark.parametrize("hours", [-9.5, 0, 8])
def test_times_are_of_the_servers_own_zone(hours: float, run: Path) -> None:
    with serving(shop(8.0, zone=timezone(timedelta(hours=hours)))) as oap:
        found = ask(oap, run, "--json").document
    assert found["points"] == MINUTES


def test_a_short_run_tells_nothing(run: Path) -> None:
    oap = shop(8.0)
    oap.metrics[PHP_MEMORY] = {at: value for at, value in oap.metrics[PHP_MEMORY].items() if at < BEGAN + 5 * MINUTE}
    with serving(oap):
        done = ask(oap, run)
    assert done.code == 0
    assert "could not tell" in done.out
    assert "5 minutes with a value are too few" in done.out


def test_a_copied_run_has_no_time(run: Path) -> None:
    for path in run.iterdir():
        os.utime(path)
    with serving(shop(8.0)) as oap:
        done = ask(oap, run)
    assert done.code == 2
    assert "copied" in done.err


def test_another_expression_has_its_own_unit(run: Path) -> None:
    oap = shop(0.0)
    oap.metrics["container_memory"] = minutely(lambda place: 3e8 + 0.25 + 1e6 * place)
    with serving(oap):
        found = ask(oap, run, "--expression", "container_memory", "--unit", "2B", "--json").document
    assert found["quantum_bytes"] == 0
    assert not any("worker" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--expression", "nonsense"), "meter_instance_php_memory_used_mb"),
        (("--expression", "latest(service_cpm)"), "SINGLE_VALUE"),
        (("--expression", "by_label"), "aggregate_labels"),
        (("--service", "sh0p"), "knows no service"),
        (("--last", "25h"), "--last"),
    ],
)
def test_what_cant_be_asked_is_bad_input(arguments: tuple[str, ...], says: str) -> None:
    oap = shop(0.0)
    oap.metrics["by_label"] = oap.metrics[PHP_MEMORY]
    with serving(oap):
        done = ask(oap, *arguments)
    assert done.code == 2
    assert says in done.err


@pytest.mark.parametrize(("instances", "says"), [((), "knows no instance"), (("a", "b"), "a, b")])
def test_the_instance_has_to_be_chosen_where_there_isnt_one(instances: tuple[str, ...], says: str) -> None:
    with serving(shop(0.0, instances=instances)) as oap:
        done = ask(oap)
        chosen = ask(oap, "--instance", "a", "--json")
    assert done.code == 2
    assert says in done.err
    assert chosen.document["instance"] == "a"


def test_an_agent_that_tells_no_memory_is_said() -> None:
    oap = shop(0.0)
    oap.metrics[PHP_MEMORY] = {}
    with serving(oap):
        done = ask(oap)
    assert done.code == 4
    assert "from 1.2 on" in done.err


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (503, b"{}", "HTTP 503"),
        (200, b"<html>", "no JSON"),
        (200, b"[]", "no OAP"),
        (200, b'{"errors": [{"message": "Validation\\nerror"}]}', "Validation error"),
        (200, b'{"data": {"service": {"id": 1}}}', "query protocol"),
    ],
)
def test_what_is_no_oap_cant_be_measured_with(status: int, body: bytes, says: str) -> None:
    with serving(shop(0.0), status, body) as oap:
        done = ask(oap)
    assert done.code == 4
    assert says in done.err


def test_a_password_in_the_address_isnt_shown() -> None:
    done = hyperleak("skywalking", "--url", "http://me:s3cret@127.0.0.1:1/graphql", "--service", "shop", "--verbose")
    assert done.code == 4
    assert "s3cret" not in done.out + done.err
