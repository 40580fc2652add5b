"""`hyperleak analyze`: verdicts from recordings alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Hyperleak

TRACES = Path(__file__).parents[2] / "data/traces"
STATIC = TRACES / "static-big-cache.jsonl"
ALL = sorted(TRACES.glob("*.jsonl"))


def names_of(trace: Path) -> list[str]:
    names: list[str] = json.loads(trace.read_text().partition("\n")[0])["endpoints"]
    return names


@pytest.mark.parametrize("trace", ALL, ids=lambda trace: trace.stem)
def test_each_trace_gives_one_document(trace: Path, hyperleak: Hyperleak) -> None:
    done = hyperleak("analyze", trace, "--json")
    assert done.document["schema_version"] == 1
    assert [found["name"] for found in done.document["endpoints"]] == names_of(trace)
    assert done.code == {"leak": 1, "clean": 0, "inconclusive": 3}[done.document["outcome"]]
    assert done.err


def test_several_inputs_give_a_list_in_their_order(hyperleak: Hyperleak) -> None:
    done = hyperleak("analyze", *ALL, "--json")
    assert [[e["name"] for e in found["endpoints"]] for found in done.document] == [names_of(trace) for trace in ALL]
    assert done.code == 1
    assert all(str(trace) in done.err for trace in ALL)


def test_the_leak_of_a_real_app_is_named_and_its_decoys_are_not(hyperleak: Hyperleak) -> None:
    found = {e["name"]: e["verdict"] for e in hyperleak("analyze", STATIC, "--json").document["endpoints"]}
    assert found["GET /static"] == "leak"
    assert [name for name, verdict in found.items() if verdict == "leak"] == ["GET /static"]


def test_people_get_their_text_on_stdout_where_no_json_is_asked_for(hyperleak: Hyperleak) -> None:
    done = hyperleak("analyze", STATIC)
    assert done.out.startswith("LEAK: GET /static")
    assert done.err == ""


def test_quiet_json_says_nothing_beside_the_document(hyperleak: Hyperleak) -> None:
    done = hyperleak("analyze", STATIC, "--json", "--quiet")
    assert done.document["outcome"] == "leak"
    assert done.err == ""


def test_a_threshold_above_the_leak_is_no_leak(hyperleak: Hyperleak) -> None:
    done = hyperleak("analyze", STATIC, "--json", "--threshold", "4KiB")
    assert all(found["verdict"] != "leak" for found in done.document["endpoints"])
    assert done.code in (0, 3)


def test_the_estimator_is_the_recordings_own_unless_another_is_asked_for(hyperleak: Hyperleak, tmp_path: Path) -> None:
    header, rest = STATIC.read_text().split("\n", 1)
    written = json.loads(header)
    written["schedule"]["estimator"] = "gls"
    recorded = tmp_path / "recorded.jsonl"
    recorded.write_text(json.dumps(written) + "\n" + rest)

    def limits(path: Path, *asked: str) -> list[list[float]]:
        return [found["ci95"] for found in hyperleak("analyze", path, "--json", *asked).document["endpoints"]]

    assert limits(recorded) == limits(STATIC, "--estimator", "gls") != limits(STATIC)
    assert limits(recorded, "--estimator", "robust") == limits(STATIC)


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_a_recording_that_has_hardly_begun_is_inconclusive(keep: int, hyperleak: Hyperleak, tmp_path: Path) -> None:
    trace = tmp_path / "samples.jsonl"
    trace.write_text("".join(STATIC.read_text().splitlines(keepends=True)[:keep]))
    done = hyperleak("analyze", tmp_path, "--json")
    assert done.code == 3
    assert {found["verdict"] for found in done.document["endpoints"]} == {"inconclusive"}


def test_a_cut_off_last_line_is_told_and_the_rest_analysed(hyperleak: Hyperleak, tmp_path: Path) -> None:
    trace = tmp_path / "cut.jsonl"
    trace.write_bytes(STATIC.read_bytes()[:-100])
    done = hyperleak("analyze", trace, "--json")
    assert done.code == 1
    assert any("middle of a line" in note for note in done.document["notes"])


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot read"), ("", "empty"), ("not JSON\n", "is not JSON"), ('{"format": "other"}\n', "no format")],
)
def test_what_is_no_recording_is_bad_input_with_a_hint(
    content: str | None, said: str, hyperleak: Hyperleak, tmp_path: Path
) -> None:
    trace = tmp_path / "bad.jsonl"
    if content is not None:
        trace.write_text(content)
    done = hyperleak("analyze", trace, "--json")
    assert done.code == 2
    assert said in done.err
    assert "→" in done.err
    assert str(trace) in done.document["error"]
    assert (done.document["exit_code"], bool(done.document["hint"])) == (2, True)


def test_hostile_names_in_a_trace_do_not_reach_the_terminal(hyperleak: Hyperleak, tmp_path: Path) -> None:
    name = "GET /\u001b[31m[bold]\u0007"
    header, rest = STATIC.read_text().split("\n", 1)
    trace = tmp_path / "hostile.jsonl"
    trace.write_text(json.dumps(json.loads(header) | {"endpoints": [name, "b", "c", "d", "e", "f"]}) + "\n" + rest)
    done = hyperleak("analyze", trace)
    assert "\x1b" not in done.out
    assert "GET /\\x1b[31m[bold]\\x07" in done.out
    assert hyperleak("analyze", trace, "--json").document["endpoints"][0]["name"] == name
