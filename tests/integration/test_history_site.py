"""The published history in a real browser: it draws, its links lead somewhere, it asks the network for nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from harness.model.verdict import Holder
from tests.command import hyperleak
from tests.unit.nightly.kept import keep, measured
from tests.unit.report.hostile import NAMES

HOSTILE = [name for name in NAMES if "\ud800" not in name]
CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty nights: one endpoint steps, and others are called what breaks pages."""
    folder = tmp_path_factory.mktemp("history")
    rng = np.random.default_rng(1)
    for night in range(40):
        size = 640.0 + rng.normal(0, 5) + (100.0 if night >= 25 else 0.0)
        evil = Holder(path=HOSTILE[3], bytes_per_request=size, elements_per_request=1.0)
        hostile = [measured(name, 0.0, 0.1, holders=(evil,)) for name in HOSTILE]
        keep(folder / "results", measured("GET /cart", size, 5.0), *hostile, night=night, scenario="shop")
    done = hyperleak("history", "publish", folder / "site", "--results", folder / "results")
    assert done.code == 0, done.err
    return folder / "site"


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that fails for any error in it and for any request that leaves the disk."""
    opened = browser.new_page(color_scheme=request.param)
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("dialog", lambda dialog: wrong.append(dialog.message))
    opened.on(
        "request", lambda asked: wrong.append(asked.url) if not asked.url.startswith(("file:", "data:")) else None
    )
    opened.on("requestfailed", lambda asked: wrong.append(asked.url))
    yield opened
    opened.close()
    assert wrong == []


def test_from_the_index_to_the_endpoint_and_the_run_that_brought_the_change(site: Path, page: Page) -> None:
    page.goto((site / "index.html").as_uri())
    assert page.locator("tbody tr").count() == 1 + len(HOSTILE)
    assert "2026-01-26" in page.locator("tr", has_text="GET /cart").inner_text()
    page.get_by_role("link", name="GET /cart", exact=True).click()
    page.locator("#chart canvas").first.wait_for()
    assert page.evaluate("Bokeh.documents.length") == 1
    change = page.locator("li").first
    assert re.search(r"\+(?:9\d|10\d) B/request", change.inner_text())
    change.get_by_role("link").last.click()
    assert page.locator("h1").inner_text() == "2026-01-26 02:00 UTC"
    page.get_by_role("link", name="next run").click()
    assert page.locator("h1").inner_text() == "2026-01-27 02:00 UTC"
    page.get_by_role("link", name="all endpoints").click()
    assert page.url == (site / "index.html").as_uri()


def test_light_and_dark_paper_have_readable_ink(site: Path, page: Page) -> None:
    page.goto((site / "index.html").as_uri())
    style = "getComputedStyle(document.body)"
    paper, ink = (page.evaluate(f"{style}.{of}") for of in ("backgroundColor", "color"))
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert (_brightness(paper) < _brightness(ink)) == dark
    assert abs(_brightness(paper) - _brightness(ink)) > 150


def test_a_narrow_window_scrolls_tables_not_the_page(site: Path, page: Page) -> None:
    page.set_viewport_size({"width": 380, "height": 800})
    page.goto((site / "index.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 380


def test_hostile_names_are_text_on_every_page(site: Path, page: Page) -> None:
    for file in sorted(site.glob("*/endpoints/*.html"))[:8]:
        page.goto(file.as_uri())
        assert page.locator("script").count() == 3
        assert page.locator("h1 *").count() == 0


def test_every_link_leads_to_a_file_of_the_site(site: Path) -> None:
    for file in site.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"]*)"', file.read_text(encoding="utf-8")):
            assert link == "data:," or (file.parent / link).resolve().is_relative_to(site.resolve())
            assert link == "data:," or (file.parent / link).is_file(), f"{file}: {link}"


def _brightness(colour: str) -> float:
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3
