"""Telling people of runs: real web hooks and mail, secrets that stay secret, and failures that change nothing."""

from __future__ import annotations

import email
import email.policy
import json
from pathlib import Path

import pytest

from harness.model.verdict import Holder, Verdict
from harness.notices import When, previous_verdict, worth_telling
from harness.notify.addresses import read_addresses
from harness.report.notice import MOST_BYTES, Told, render_notice, told_of
from tests.command import hyperleak
from tests.unit.notify.receivers import mail_server, web_hook
from tests.unit.verdicts import endpoint, verdict_of

# apprise looks for a module that Python 3.13 drops.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

HOLDER = Holder(
    path="App\\Registry::$items", file="app/Registry.php", line=12, bytes_per_request=648.0, elements_per_request=1.0
)
LEAKING = verdict_of(
    endpoint("GET /clean", "clean"), endpoint(holders=(HOLDER,), cause="static"), run_id="shop-20261123t170309z-e15882"
)
CLEAN = verdict_of(endpoint("GET /clean", "clean"), run_id="users-20261123t170409z-e15883")
OPEN = verdict_of(endpoint("GET /slow", "inconclusive"), run_id="carts-20261123t170509z-e15884")


def kept(results: Path, verdict: Verdict, name: str = "") -> Path:
    folder = results / verdict.run_id.partition("-")[0] / (name or verdict.run_id)
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(verdict.model_dump_json())
    return folder


@pytest.fixture(autouse=True)
def _nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HYPERLEAK_NOTIFY", raising=False)
    monkeypatch.delenv("HYPERLEAK_LINK", raising=False)


def test_a_web_hook_is_told_the_answer_first(tmp_path: Path) -> None:
    folder = kept(tmp_path, LEAKING)
    with web_hook() as hook:
        done = hyperleak("notify", folder, "--to", hook.url(), "--link", "https://ci/1", "--json")
    (sent,) = hook.documents
    assert (done.code, done.document["title"]) == (0, sent["title"])
    assert sent["title"] == "hyperleak: LEAK: shop"
    assert sent["type"] == "failure"
    lines = sent["message"].splitlines()
    assert lines[0] == "LEAK: GET /static 652 B/request"
    assert "App\\Registry::$items, app/Registry.php:12: 648 B, one more element per request" in lines[2]
    assert lines[-2:] == [str(folder), "https://ci/1"]


def test_mail_comes_with_a_subject(tmp_path: Path) -> None:
    with mail_server() as mails:
        url = f"mailto://127.0.0.1:{mails.port}?from=leaks@example.com&to=team@example.com"
        done = hyperleak("notify", kept(tmp_path, CLEAN), "--to", url)
    assert done.code == 0, done.out
    message = email.message_from_string(mails[0], policy=email.policy.default)
    assert message["To"] == "team@example.com"
    assert message["Subject"] == "hyperleak: CLEAN: users"
    body = message.get_body(("plain",))
    assert body is not None
    assert "CLEAN: no endpoint keeps" in body.get_content()


def test_addresses_come_from_the_environment_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with web_hook() as one, web_hook() as other:
        monkeypatch.setenv("HYPERLEAK_NOTIFY", f"{one.url()} {other.url()}")
        assert hyperleak("notify", kept(tmp_path, LEAKING), kept(tmp_path, CLEAN)).code == 0
    assert one.documents == other.documents
    assert one.documents[0]["title"] == "hyperleak: 1 of 2 leak"


def test_what_could_not_be_delivered_is_said_without_the_secret(tmp_path: Path) -> None:
    with web_hook(status=403) as closed, web_hook() as hook:
        to = ("--to", closed.url("T0KEN-secret"), "--to", "json://127.0.0.1:1/pa55word", "--to", hook.url())
        done = hyperleak("notify", kept(tmp_path, LEAKING), *to, "--json", "--verbose")
    assert done.code == 4
    assert [each["sent"] for each in done.document["addresses"]] == [False, False, True]
    assert "json, address 1" in done.err
    assert "403" in done.err
    assert not any(secret in done.out + done.err for secret in ("T0KEN", "pa55word"))


@pytest.mark.parametrize("url", ["slack://sec ret/x", "nonsense://s3cret", "s3cret", "json://", "dingtalk://s3 cret!/"])
def test_an_address_that_cant_be_used_is_bad_input_and_stays_secret(url: str, tmp_path: Path) -> None:
    done = hyperleak("notify", kept(tmp_path, LEAKING), "--to", url, "--verbose")
    assert done.code == 2
    assert "address 1" in done.err
    assert not any(part in done.err + done.out for part in ("s3cret", "sec ret", "s3 cret"))


def test_nobody_to_notify_is_bad_input(tmp_path: Path) -> None:
    done = hyperleak("notify", kept(tmp_path, LEAKING))
    assert done.code == 2
    assert "HYPERLEAK_NOTIFY" in done.err


def test_the_addresses_of_chats_are_taken() -> None:
    """Their own hosts can't be reached in a test."""
    urls = ["slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "dingtalk://token1234567890", "wecombot://key1234"]
    assert [each.label for each in read_addresses([*urls, "feishu://token1234"])] == [
        "slack, address 1", "dingtalk, address 2", "wecombot, address 3", "feishu, address 4",
    ]  # fmt: skip


def test_a_long_story_is_cut_at_a_line_and_keeps_the_link() -> None:
    many = verdict_of(*(endpoint(f"GET /{'漏' * 200}/{i}", holders=(HOLDER,) * 3) for i in range(40)), run_id="shop")
    notice = render_notice([told_of(many, "/results/shop")] * 3, link="https://ci/1")
    assert len(notice.body.encode()) <= MOST_BYTES
    assert notice.body.splitlines()[-2:] == ["…", "https://ci/1"]


def test_what_a_target_says_stays_in_its_line() -> None:
    evil = verdict_of(endpoint("GET /\n\x1b[31m@all"), run_id="a\nb")
    notice = render_notice([told_of(evil, "x\ny"), Told("z", None, error="no\nengine")])
    assert "\x1b" not in notice.body
    assert "COULD NOT MEASURE: no\\nengine" in notice.body.splitlines()


def test_the_worst_is_told_first() -> None:
    notice = render_notice([told_of(CLEAN, ""), told_of(OPEN, ""), told_of(LEAKING, "")])
    assert [line for line in notice.body.splitlines() if line in ("shop", "users", "carts")] == [
        "shop",
        "carts",
        "users",
    ]
    assert (notice.severity, notice.title) == ("leak", "hyperleak: 1 of 3 leak, 1 could not tell")


@pytest.mark.parametrize(
    ("when", "code", "before", "told"),
    [
        ("leak", 1, None, True),
        ("leak", 0, None, False),
        ("leak", 3, None, False),
        ("change", 1, LEAKING, False),
        ("change", 1, CLEAN, True),
        ("change", 1, None, True),
        ("always", 0, LEAKING, True),
        ("always", 130, None, False),
    ],
)
def test_who_asks_for_leaks_or_changes_alone_is_spared_the_rest(
    when: When, code: int, before: Verdict | None, told: bool, tmp_path: Path
) -> None:
    if before:
        kept(tmp_path / "shop", before, "../20261122T000000Z-norev-aaaaaa")
    assert worth_telling(when, code, kept(tmp_path, LEAKING, "20261123T000000Z-norev-bbbbbb")) == told


def test_a_run_that_cant_be_made_is_always_told_of() -> None:
    assert all(worth_telling(when, 4, None) for when in ("leak", "change", "always"))


def test_the_run_before_is_the_latest_readable_one(tmp_path: Path) -> None:
    for day in (1, 2, 3):
        kept(tmp_path, LEAKING.model_copy(update={"run_id": f"shop-{day}"}), f"2026112{day}T000000Z-norev-aaaaaa")
    (tmp_path / "shop/20261123T000000Z-norev-aaaaaa/record.json").write_text("{")
    now = kept(tmp_path, LEAKING, "20261124T000000Z-norev-aaaaaa")
    before = previous_verdict(now)
    assert before is not None
    assert before.run_id == "shop-2"


def test_a_run_tells_and_its_exit_code_stays(tmp_path: Path) -> None:
    """No engine is needed for a run that can't be made."""
    scenario = tmp_path / "dead.yaml"
    target = {"command": ["false"], "port": 0, "ready": {"timeout": "5s"}}
    scenario.write_text(json.dumps({"name": "dead", "target": target, "endpoints": ["GET /"]}))
    metrics = tmp_path / "hyperleak.prom"
    with web_hook(status=500) as broken, web_hook() as hook:
        to = ("--notify", broken.url("s3cret"), "--notify", hook.url(), "--prometheus", metrics)
        done = hyperleak("run", scenario, "--results", tmp_path / "results", *to)
    assert done.code == 4
    assert "not delivered to json, address 1" in done.out
    assert "s3cret" not in done.out
    assert hook.documents[0]["title"] == "hyperleak: COULD NOT MEASURE: dead"
    assert 'hyperleak_run_measured{scenario="dead"} 0.0' in metrics.read_text()
