"""What a collector receives of a run, and what is said where it can't be reached."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

from harness.cli.output import Output
from harness.cli.telling import Telling
from harness.model.picture import Curve
from harness.model.samples import CgroupReading, Event, Sample, TraceHeader
from harness.model.telemetry import Span, Telemetry
from harness.model.verdict import Verdict
from harness.moments import revision_of, span_of
from harness.otlp.metrics import metrics_of
from tests.command import hyperleak
from tests.unit.otlp.collector import collector
from tests.unit.verdicts import endpoint, verdict_of

STARTED = datetime(2026, 11, 23, 17, 3, 9, tzinfo=UTC)
RUN = "shop-20261123t170309z-e15882"
FOLDER = "20261123T170309Z-44f29a0-e15882"
LEAKING = verdict_of(
    endpoint(failures={"500": 2, "timeout": 1}),
    endpoint("GET /clean", "clean", ci95=(-(2.0**60), 2.0**60)),
    run_id=RUN,
    time_driven_bytes_per_second=12.5,
    events=(Event(elapsed_s=1, kind="worker_restart"), Event(elapsed_s=2, kind="worker_restart")),
)


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


def kept(folder: Path, verdict: Verdict = LEAKING, name: str = FOLDER) -> Path:
    """A run folder whose load began 20 seconds after the run."""
    run = folder / name
    run.mkdir()
    (run / "record.json").write_text(verdict.model_dump_json())
    header = TraceHeader(endpoints=("GET /static", "GET /clean"))
    samples = [
        Sample(elapsed_s=s, requests=(s, s), failures=(0, 0), cgroup=CgroupReading(anon_bytes=20_000_000 + 4096 * s))
        for s in (0, 10, 20)
    ]
    file = run / "samples.jsonl"
    file.write_text("".join(line.model_dump_json() + "\n" for line in (header, *samples)))
    (run / "scenario.yaml").write_text("name: shop\n")
    for path, after_s in ((file, 40), (run / "scenario.yaml", 0)):
        os.utime(path, (STARTED.timestamp() + after_s,) * 2)
    return run


def test_a_collector_receives_verdicts_with_their_units(tmp_path: Path) -> None:
    with collector() as receiver:
        done = hyperleak("export", kept(tmp_path), "--otlp", receiver.url, "--json")
    assert (done.code, done.document["sent"]) == (0, True)
    names = {"scenario": "shop", "endpoint": "GET /static"}
    assert receiver.value("hyperleak.endpoint.leak", verdict="leak", channel="php_heap", **names) == 652
    assert receiver.value("hyperleak.endpoint.leak_lower_limit", **names) == 640
    assert receiver.value("hyperleak.endpoint.leak_upper_limit", **names) == 664
    assert receiver.value("hyperleak.endpoint.verdict", verdict="leak", **names) == 1
    assert receiver.value("hyperleak.endpoint.verdict", verdict="clean", **names) == 0
    assert receiver.value("hyperleak.endpoint.failed_requests", **names) == 3
    assert receiver.value("hyperleak.run.outcome", outcome="leak") == 1
    assert receiver.value("hyperleak.run.idle_growth", scenario="shop") == 12.5
    assert receiver.value("hyperleak.run.events", kind="worker_restart") == 2
    assert receiver.metrics()["hyperleak.endpoint.leak"].unit == "By/{request}"
    assert receiver.metrics()["hyperleak.run.idle_growth"].unit == "By/s"


def test_a_limit_that_nothing_bounds_is_no_number(tmp_path: Path) -> None:
    with collector() as receiver:
        hyperleak("export", kept(tmp_path), "--otlp", receiver.url)
    assert [has["endpoint"] for has, _ in receiver.points("hyperleak.endpoint.leak_upper_limit")] == ["GET /static"]


def test_the_resource_says_which_run_of_which_commit(tmp_path: Path) -> None:
    with collector() as receiver:
        hyperleak("export", kept(tmp_path), "--otlp", receiver.url)
    (resource,) = receiver.resources()
    wanted = {
        "service.name": "hyperleak",
        "service.instance.id": "shop",
        "hyperleak.scenario": "shop",
        "hyperleak.run.id": RUN,
        "vcs.ref.head.revision": "44f29a0",
    }
    assert wanted.items() <= resource.items()


def test_the_memory_comes_at_the_times_at_which_it_was_measured(tmp_path: Path) -> None:
    with collector() as receiver:
        hyperleak("export", kept(tmp_path), "--otlp", receiver.url)
    points = receiver.points("hyperleak.target.memory")
    assert [has["channel"] for has, _ in points] == ["anon"] * 3
    assert [point.as_double - 20_000_000 for _, point in points] == [0, 40960, 81920]
    began_s = STARTED.timestamp() + 20
    assert [point.time_unix_nano / 1e9 - began_s for _, point in points] == [0, 10, 20]
    verdicts = receiver.points("hyperleak.endpoint.leak")
    assert {point.time_unix_nano for _, point in verdicts} == {round((began_s + 20) * 1e9)}


def test_runs_share_a_request_and_the_environment_says_where_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = verdict_of(endpoint("GET /", "clean"), run_id="users-20261123t170309z-0a0a0a")
    with collector() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-token=s3cret")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=ci")
        runs = kept(tmp_path), kept(tmp_path, other, "20261123T170309Z-norev-0a0a0a")
        done = hyperleak("export", *runs, "--verbose")
    assert done.code == 0
    assert receiver.headers[0]["x-token"] == "s3cret"
    assert "s3cret" not in done.out + done.err
    assert [each["hyperleak.scenario"] for each in receiver.resources()] == ["shop", "users"]
    assert {each["deployment.environment.name"] for each in receiver.resources()} == {"ci"}
    assert "vcs.ref.head.revision" not in receiver.resources()[1]


def test_a_refusal_is_said_with_its_reason_each_time(tmp_path: Path) -> None:
    with collector("PERMISSION_DENIED") as closed:
        for _ in range(2):
            done = hyperleak("export", kept(tmp_path) if not list(tmp_path.iterdir()) else tmp_path / FOLDER,
                             "--otlp", closed.url)  # fmt: skip
            assert done.code == 4
            assert "PERMISSION_DENIED" in done.out
            assert "no room for it" in done.out


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("collector:4317", "write it like"),
        ("http://", "write it like"),
        ("http://host:port", "is not a URL"),
        ("http://user:s3cret@collector:4317", "OTEL_EXPORTER_OTLP_HEADERS"),
        ("http://collector:4318/v1/metrics", "OTLP over HTTP"),
    ],
)
def test_an_address_that_cant_be_used_is_bad_input(url: str, says: str, tmp_path: Path) -> None:
    done = hyperleak("export", kept(tmp_path), "--otlp", url)
    assert done.code == 2
    assert says in done.err
    assert "s3cret" not in done.err


@pytest.mark.parametrize(
    "environment",
    [{}, {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}],
)
def test_nowhere_to_export_to_is_bad_input(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    done = hyperleak("export", kept(tmp_path))
    assert done.code == 2
    assert "--otlp" in done.err


class TestRun:
    """What `hyperleak run` does at its end."""

    def told(self, run: Path, output: Output, otlp: str | None = None) -> int:
        telling = Telling((), "leak", None, otlp)
        telling.found("shop", LEAKING, run, 1)
        return telling.finish(output)

    def test_the_runs_are_exported(self, tmp_path: Path, output: Output) -> None:
        with collector() as receiver:
            assert self.told(kept(tmp_path), output, receiver.url) == 0
        assert receiver.value("hyperleak.run.outcome", outcome="leak") == 1

    def test_what_cant_be_exported_changes_nothing_and_is_said(
        self, tmp_path: Path, output: Output, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with collector("UNAUTHENTICATED") as closed:
            assert self.told(kept(tmp_path), output, closed.url) == 0
        assert "not exported" in capsys.readouterr().out

    def test_variables_that_mean_another_protocol_are_said(
        self, tmp_path: Path, output: Output, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        assert self.told(kept(tmp_path), output) == 0
        assert "http/protobuf" in capsys.readouterr().out


@given(st.text(), st.text())
def test_any_name_can_be_sent(name: str, scenario: str) -> None:
    span = Span(began=STARTED, ended=STARTED)
    verdict = verdict_of(endpoint(name), run_id=scenario)
    curve = Curve(name="timers", elapsed_s=(0.0,), levels=(3.0,))
    run = Telemetry(scenario=scenario, revision=name, span=span, verdict=verdict, curves=(curve,))
    assert encode_metrics(metrics_of([run])).ByteSize() > 0


class TestMoments:
    def test_samples_that_were_copied_dont_tell_the_time(self, tmp_path: Path) -> None:
        run = kept(tmp_path)
        for path in run.iterdir():
            os.utime(path, (STARTED.timestamp() + 600,) * 2)
        span = span_of(run, RUN, 20)
        assert (span.began, span.exact) == (STARTED, False)

    def test_the_revision_is_in_the_folders_name(self, tmp_path: Path) -> None:
        assert revision_of(kept(tmp_path) / "record.json") == "44f29a0"
        assert revision_of(tmp_path) == ""
