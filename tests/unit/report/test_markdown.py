"""Markdown as a job's summary shows it, read back by a parser: the answer, the columns, and no markup of others."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from markdown_it import MarkdownIt

from harness.model.samples import Event
from harness.model.verdict import EndpointOutcome, Holder, Verdict
from harness.report.markdown import LONGEST_NAME, render_markdown
from harness.report.printable import one_line
from tests.unit.report.hostile import NAMES, OUTCOMES, TEXTS, verdict_about
from tests.unit.verdicts import endpoint, verdict_of

READER = MarkdownIt("commonmark").enable("table").enable("strikethrough")
TAGS = {"h3", "table", "thead", "tbody", "tr", "th", "td", "p", "strong", "ul", "li", "code"}
COLUMNS = 6


class Page(HTMLParser):
    """What a browser makes of the page: its tags, the table's cells, and the whole text."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._in_cell = False
        self.feed(READER.render(render_markdown(verdict)))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_cell:
            self.rows[-1][-1] += data


def shown(name: str) -> str:
    line = one_line(name)
    return line if len(line) <= LONGEST_NAME else f"{line[: LONGEST_NAME - 1]}…"


def test_the_answer_comes_first_then_the_table_then_who_holds_it() -> None:
    holder = Holder(
        path="App\\Registry::$items", file="app/Registry.php", line=12, bytes_per_request=648, elements_per_request=1
    )
    leak = endpoint("GET /static?bytes=512", cause="static", holders=(holder,))
    assert render_markdown(verdict_of(endpoint("GET /b", "clean"), leak)) == (
        "### LEAK: GET /static?bytes=512 652 B/request\n"
        "\n"
        "| | endpoint | verdict | B/request | 95% limits | requests |\n"
        "|---|---|---|---:|---:|---:|\n"
        "| 🔴 | `GET /static?bytes=512` | leak | 652 | 640 … 664 | 1,523 |\n"
        "| 🟢 | `GET /b` | clean | 0 | 0 … 0 | 1,523 |\n"
        "\n"
        "**Held by**\n"
        "\n"
        "- `GET /static?bytes=512` leaks **652 B/request** in the PHP heaps: a static property or variable\n"
        "  - `App\\Registry::$items` in `app/Registry.php:12`: 648 B, one more element per request\n"
    )


def test_open_questions_unexpected_answers_and_events_are_remarks() -> None:
    open_one = endpoint("GET /a", "inconclusive", failures={"500": 1200})
    verdict = verdict_of(open_one, events=(Event(elapsed_s=31.0, kind="oom_kill", detail="worker *7*"),))
    text = render_markdown(verdict)
    assert text.startswith("### INCONCLUSIVE: could not tell for 1 of 1 endpoints\n")
    assert "- `GET /a`: a leak under 25 B/request is not seen yet\n" in text
    assert "- `GET /a`: unexpected answers (1,200 × 500)\n" in text
    assert "oom kill: at 31.0 s worker *7*" in Page(verdict).text


def test_a_huge_run_fits_into_a_comment_and_keeps_its_leaks() -> None:
    clean = [endpoint(f"GET /clean/{n}/{'long/' * 300}", "clean", note="x" * 2000) for n in range(500)]
    text = render_markdown(verdict_of(*clean, endpoint("GET /leak")))
    assert len(text) < 65_536
    assert "| 🔴 | `GET /leak` | leak |" in text
    assert "… and 351 more endpoints: clean." in text


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_names_keep_to_their_cell(name: str, outcome: EndpointOutcome) -> None:
    page = Page(verdict_about(name, name, outcome))
    assert set(page.tags) <= TAGS
    assert [len(row) for row in page.rows] == [COLUMNS] * 3
    assert shown(name) in [row[1] for row in page.rows]


@pytest.mark.parametrize("mark", ["@team", "#12", "http://x.invalid", "www.x.invalid", "a@b.invalid", ":tada:", "$x$"])
def test_nobody_is_called_and_nothing_linked_by_what_a_target_says(mark: str) -> None:
    verdict = verdict_of(endpoint("GET /a", "clean"), notes=(f"see {mark} there",))
    last = render_markdown(verdict).splitlines()[-1]
    assert mark not in last
    assert f"see {mark} there" in Page(verdict).text


@pytest.mark.parametrize("said", ["- item", "+ item", "* item", "1. one", "2) two", "===", "# head", "> quote", "---"])
def test_a_remark_begins_no_list_heading_or_quotation(said: str) -> None:
    page = Page(verdict_of(endpoint("GET /a", "clean"), notes=(said,)))
    assert page.tags[-3:] == ["strong", "ul", "li"]
    assert page.text.rstrip().endswith(f"Remarks\n\n{said}")


@given(TEXTS, TEXTS)
def test_any_name_keeps_the_tables_columns_and_is_shown_whole(name: str, said: str) -> None:
    page = Page(verdict_about(name, said))
    assert set(page.tags) <= TAGS
    assert [len(row) for row in page.rows] == [COLUMNS] * 3
    assert page.rows[1][1] == shown(name)
