"""The page of a run: one file that needs nothing else, says the answer first and takes no orders from a target."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from functools import cache

import pytest
from hypothesis import given, settings

from harness.analysis.attribute import analyse
from harness.analysis.decide import Settings
from harness.analysis.picture import pictures_of
from harness.model.picture import Dossier
from harness.model.samples import Event
from harness.model.verdict import EndpointOutcome, Holder, Verdict
from harness.report.html.page import render_html
from harness.report.html.shown import shown
from tests.unit.analysis.recordings import App, blocks, clean, leak, record
from tests.unit.report.hostile import NAMES, OUTCOMES, TEXTS, verdict_about
from tests.unit.report.pages import Page
from tests.unit.verdicts import endpoint, verdict_of

LARGEST_BYTES = 2_000_000
HOLDER = Holder(path="App\\R::$a", file="app/R.php", line=12, bytes_per_request=648.0, elements_per_request=1.0)
LEAKING = verdict_of(endpoint(cause="static", holders=(HOLDER,)), endpoint("GET /b", "clean"))


def page_of(verdict: Verdict, scenario: str = "") -> Page:
    return Page(render_html(Dossier(verdict=verdict, scenario=scenario)))


def run_of(app: App, windows: int = 6, **changes: object) -> Dossier:
    recording = record(app, blocks(app, windows))
    verdict = analyse(recording, Settings()).model_copy(update=changes)
    return Dossier(verdict=verdict, pictures=pictures_of(recording, verdict), scenario="name: made-up\n")


def in_production(rate: float | None, limit_bytes: int | None) -> dict[str, object]:
    schedule = {"production": {"rate": rate, "shares": [0.25, 0.75]}} if rate else {}
    return {"schedule": schedule, "target": {"memory_limit_bytes": limit_bytes}}


@pytest.mark.parametrize(
    ("verdict", "title", "said"),
    [
        (LEAKING, "1 of 2 endpoints leaks", "Open app/R.php:12: App\\R::$a takes something"),
        (verdict_of(endpoint(), endpoint("GET /b")), "All 2 endpoints leak", "GET /static keeps 652 B of each request"),
        (verdict_of(endpoint(cause="timer")), "The endpoint leaks", "Clear the timers"),
        (verdict_of(endpoint("a", "clean")), "The endpoint doesn't leak", "None keeps as much as 20 B"),
        (verdict_of(endpoint("a", "clean"), endpoint("b", "bounded")), "None of 2 endpoints leaks", "Nothing to do"),
        (
            verdict_of(endpoint("a", "inconclusive"), endpoint("b", "clean")),
            "Could not tell for 1 of 2 endpoints",
            "longer load.budget. This one would have seen leaks from 25 B",
        ),
        (
            verdict_of(endpoint("a", "clean"), outcome="leak", unattributed_bytes_per_request=300.0),
            "The endpoints leak together",
            "All together keep 300 B a request",
        ),
    ],
)
def test_the_answer_and_what_to_do_come_first(verdict: Verdict, title: str, said: str) -> None:
    text = page_of(verdict).text
    assert -1 < text.index(title) < text.index("Next:") < text.index("Endpoints")
    assert said in text


def test_beside_a_leaks_curve_is_what_the_redrawn_order_says() -> None:
    """Of six blocks with three windows each."""
    page = render_html(run_of({"leak": leak(300), "clean": clean}))
    assert page.count("Randomisation test of the windows") == 1


def test_the_table_ranks_and_tells_limits_holders_with_file_and_line() -> None:
    verdict = verdict_of(endpoint("GET /b", "clean"), endpoint(cause="static", holders=(HOLDER,)))
    text = page_of(verdict).text
    assert text.index("GET /static") < text.index("GET /b")
    for said in ("652", "640 … 664", "1,523", "App\\R::$a", "app/R.php:12", "648 B, one more element per request"):
        assert said in text


@pytest.mark.parametrize(
    ("rate", "limit_bytes", "said"),
    [
        (100.0, 1024**3, ("Per day", "1.31 GiB", "18 h", "at 100 requests/s")),
        (100.0, None, ("Per day", "1.31 GiB", "no memory limit is known")),
        (None, 1024**3, ("Per million", "622 MiB", "1,650,000 requests")),
    ],
)
def test_a_leak_is_told_by_the_day_and_by_the_limit(
    rate: float | None, limit_bytes: int | None, said: tuple[str, ...]
) -> None:
    verdict = LEAKING.model_copy(update={"environment": in_production(rate, limit_bytes)})
    text = page_of(verdict).text
    assert [word for word in said if word not in text] == []


@pytest.mark.parametrize("production", [None, 7, {"rate": 0}, {"rate": "fast"}, {"rate": 5.0, "shares": [1.0]}, [1]])
def test_a_production_that_makes_no_sense_is_none(production: object) -> None:
    environment = {"schedule": {"production": production}, "target": [1]}
    assert "Per million" in page_of(LEAKING.model_copy(update={"environment": environment})).text


def test_a_record_alone_has_tables_and_says_that_the_curves_are_missing() -> None:
    page = page_of(LEAKING)
    assert "The curves are missing" in page.text
    assert page.data["document"] is None
    assert len(page.scripts) == 1


def test_with_samples_every_chart_has_its_place_and_its_words() -> None:
    page = Page(render_html(run_of({"GET /leak": leak(500), "GET /clean": clean})))
    places = page.data["roots"].values()
    channels = ("php_heap", "anon", "open_fds")
    assert set(places) == {"chart-memory", "chart-growth", *(f"chart-channel-{name}" for name in channels)}
    drawn = {attributes["id"]: attributes for _, attributes in page.tags if attributes.get("id") in places}
    assert drawn.keys() == set(places)
    assert all(found["role"] == "img" for found in drawn.values())
    assert "PHP heaps: 15.3 MiB at first" in drawn["chart-memory"]["aria-label"]
    assert "name: made-up" in page.text
    assert "Not measured here: coroutines, timers, resources" in page.text


def test_events_are_marked_and_told() -> None:
    events = (Event(elapsed_s=1.0, kind="oom_kill", detail="pid 7"), Event(elapsed_s=2.0, kind="target_died"))
    page = Page(render_html(run_of({"GET /leak": leak(500)}, events=events)))
    assert page.data["events"] == ["oom kill pid 7", "target died"]
    assert "oom kill" in page.text


def test_headings_tables_and_controls_are_named() -> None:
    html = render_html(run_of({"GET /leak": leak(500), "GET /clean": clean}))
    page = Page(html)
    assert page.count("h1") == 1
    assert page.count("caption") == page.count("table") > 1
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    identities = page.values("id")
    assert len(identities) == len(set(identities))
    assert set(" ".join(page.values("aria-labelledby")).split()) <= set(identities)


def test_nothing_is_fetched_and_scripts_are_allowed_by_their_hashes_alone() -> None:
    page = Page(render_html(run_of({"GET /leak": leak(500)})))
    assert page.values("src") == []
    assert all(link.startswith("#") for link in page.values("href"))
    policy = next(a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in page.scripts]
    assert re.findall(r"'sha256-([^']+)'", policy) == hashes
    assert "unsafe-eval" not in policy
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


def test_the_same_run_gives_the_same_page() -> None:
    dossier = run_of({"GET /leak": leak(500), "GET /clean": clean})
    assert render_html(dossier) == render_html(dossier)


@cache
def harmless(outcome: EndpointOutcome) -> Page:
    return page_of(verdict_about("a", "b", outcome), "c")


def check_hostile(name: str, said: str, outcome: EndpointOutcome) -> None:
    plain = harmless(outcome)
    verdict = verdict_about(name, said, outcome).model_copy(
        update={"environment": {"target": {said: [name, said]}, "schedule": {name: said}}, "run_id": name}
    )
    html = render_html(Dossier(verdict=verdict, scenario=f"{name}\n{said}"))
    html.encode("utf-8")
    page = Page(html)
    assert page.scripts == plain.scripts
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in plain.tags} | {"dt", "dd", "p", "li", "ul"}
    assert shown(name).strip() in page.text


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_names_stay_text(name: str, outcome: EndpointOutcome) -> None:
    check_hostile(name, name, outcome)


@given(TEXTS, TEXTS)
@settings(max_examples=50)
def test_any_name_stays_text(name: str, said: str) -> None:
    check_hostile(name, said, "leak")


def test_hostile_events_cant_end_the_block_of_data() -> None:
    events = tuple(Event(elapsed_s=1.0, kind=name, detail=name) for name in NAMES)
    page = Page(render_html(run_of({"GET /leak": leak(500)}, 2, events=events)))
    assert len(page.scripts) == 2
    assert len(page.data["events"]) == len(NAMES)


def test_five_hundred_endpoints_that_all_leak_fit() -> None:
    app: App = {f"GET /{i:03d}?a=1&{'b' * 180}": leak(500 + i) for i in range(500)}
    dossier = run_of(app, 4)
    endpoints = tuple(
        e.model_copy(update={"holders": (HOLDER, HOLDER), "cause": "static", "note": "said " * 20})
        for e in dossier.verdict.endpoints
    )
    whole = dossier.model_copy(
        update={"verdict": dossier.verdict.model_copy(update={"endpoints": endpoints}), "scenario": "# line\n" * 7000}
    )
    page = render_html(whole)
    assert len(page.encode()) < LARGEST_BYTES
    assert Page(page).count("tr") > 500
