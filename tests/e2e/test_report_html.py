"""A run's page in a real browser: nothing goes wrong in its console, nothing to the network, and it does what it shows.

The page is that of a real run of the resident app as local processes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from harness.analysis.attribute import analyse
from harness.analysis.decide import Settings
from harness.analysis.picture import pictures_of
from harness.model.picture import Dossier
from harness.model.samples import Event
from harness.report.html.page import render_html
from tests.command import hyperleak
from tests.place import CLEAN, LEAK, Place, local
from tests.unit.analysis.recordings import App, blocks, clean, leak, record

HOSTILE = "GET /<img src=x onerror=alert(1)></script><script>alert(2)</script>\u202e"
DRAWN = "html[data-drawn]"


@dataclass
class Watched:
    """A page with all that its console said and all that it asked the network for."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def rows(self) -> list[str]:
        return self.page.locator("#ranking tbody tr:visible th").all_inner_texts()

    def verdicts(self) -> list[str]:
        return self.page.locator("#ranking tbody tr:visible .tag").all_inner_texts()

    def is_quiet(self) -> bool:
        return (self.said, len(self.asked)) == ([], 1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "no Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a real run that states its production."""
    place = Place(tmp_path_factory.mktemp("run"))
    scenario = place.scenario(local(), LEAK, CLEAN, "GET /big", production={"rate": "120/s"})
    done = hyperleak("run", scenario, "--results", place.results, "--json")
    assert done.verdicts[LEAK] == "leak"
    return place.folders()[0]


def opened(browser: Browser, file: Path, *, width: int = 1280, scheme: str = "light") -> Watched:
    phone = width < 500
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        is_mobile=phone,
        has_touch=phone,
    )
    watched = Watched(context.new_page())
    watched.page.on("console", lambda m: watched.said.append(m.text) if m.type in ("error", "warning") else None)
    watched.page.on("pageerror", lambda error: watched.said.append(str(error)))
    watched.page.on("dialog", lambda dialog: watched.said.append(f"dialog {dialog.message}"))
    watched.page.on("request", lambda request: watched.asked.append(request.url))
    watched.page.goto(file.as_uri())
    watched.page.wait_for_selector(DRAWN, timeout=30_000)
    return watched


@pytest.fixture
def real(browser: Browser, folder: Path) -> Iterator[Watched]:
    watched = opened(browser, folder / "report.html")
    yield watched
    assert watched.is_quiet(), (watched.said, watched.asked)
    watched.page.context.close()


def test_a_run_leaves_its_page_which_says_the_answer_and_its_days(real: Watched, folder: Path) -> None:
    assert real.page.locator("h1").inner_text() == "1 of 3 endpoints leaks"
    assert "a day" in real.page.locator(".tiles").inner_text()
    assert "StaticProperty.php:" in real.page.locator(".answer").inner_text()
    assert "production:" in real.page.get_by_label("Scenario").inner_text()
    assert (folder / "report.html").stat().st_size < 2_000_000
    assert real.page.locator(".chart canvas").count() >= 4


def test_the_report_command_makes_the_same_page_again(folder: Path, tmp_path: Path) -> None:
    assert hyperleak("report", folder, "--format", "html", "-o", tmp_path).code == 0
    assert (tmp_path / "report.html").read_text() == (folder / "report.html").read_text()


def test_a_head_sorts_and_sorts_back(real: Watched) -> None:
    first = real.rows()
    assert first[0] == LEAK
    requests = real.page.get_by_role("columnheader", name="B/request")
    requests.get_by_role("button").click()
    assert (requests.get_attribute("aria-sort"), real.rows()[0]) == ("descending", LEAK)
    requests.get_by_role("button").click()
    assert (requests.get_attribute("aria-sort"), real.rows()[-1]) == ("ascending", LEAK)
    real.page.get_by_role("columnheader", name="Endpoint").get_by_role("button").click()
    assert real.rows() == sorted(first)


def test_the_table_is_filtered_by_name_and_verdict(real: Watched) -> None:
    real.page.get_by_label("Find").fill("BIG")
    assert real.rows() == ["GET /big"]
    assert real.page.locator("#found").inner_text() == "1 of 3"
    real.page.get_by_label("Find").fill("")
    real.page.get_by_label("Verdict").select_option("leak")
    assert real.verdicts() == ["leak"]


def test_the_growth_of_any_endpoint_is_drawn(real: Watched) -> None:
    told = real.page.locator("#growth-told")
    assert told.inner_text().startswith("leak: ")
    real.page.locator("#endpoint").select_option(label=CLEAN)
    assert "leak: " not in told.inner_text()
    real.page.get_by_role("rowheader", name=LEAK).get_by_role("link").click()
    assert told.inner_text().startswith("leak: ")


def test_the_theme_follows_the_system_and_the_button(browser: Browser, folder: Path) -> None:
    watched = opened(browser, folder / "report.html", scheme="dark")
    colour = "getComputedStyle(document.body).backgroundColor"
    dark = watched.page.evaluate(colour)
    watched.page.get_by_role("button", name="Light").click()
    assert watched.page.evaluate(colour) != dark
    watched.page.get_by_role("button", name="Dark").click()
    assert watched.page.evaluate(colour) == dark
    assert watched.is_quiet(), watched.said
    watched.page.context.close()


def test_a_window_is_told_under_the_mouse_with_its_name_as_text(browser: Browser, tmp_path: Path) -> None:
    recording = record({HOSTILE: leak(500)}, blocks({HOSTILE: leak(500)}, 6))
    events = (Event(elapsed_s=1.0, kind="oom_kill", detail=HOSTILE),)
    verdict = analyse(recording, Settings()).model_copy(update={"events": events, "run_id": HOSTILE})
    file = tmp_path / "hostile.html"
    file.write_text(render_html(Dossier(verdict=verdict, pictures=pictures_of(recording, verdict), scenario=HOSTILE)))
    watched = opened(browser, file)
    chart = watched.page.locator("#chart-memory")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box
    for step in range(1, 9):
        watched.page.mouse.move(box["x"] + box["width"] * step / 10, box["y"] + box["height"] / 2)
        watched.page.wait_for_timeout(100)
        if watched.page.get_by_text("onerror=alert(1)").filter(has_text="requests").count():
            break
    else:
        pytest.fail("no window told what it was")
    assert watched.page.locator("img").count() == 0
    assert watched.is_quiet(), watched.said
    watched.page.context.close()


def test_a_phone_has_no_sideways_scrolling_and_swipes_past_the_charts(browser: Browser, folder: Path) -> None:
    watched = opened(browser, folder / "report.html", width=390)
    assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    touch = watched.page.locator("#chart-memory .bk-events").evaluate("e => getComputedStyle(e).touchAction")
    assert touch != "none"
    assert watched.is_quiet(), watched.said
    watched.page.context.close()


def test_five_hundred_endpoints_are_there_at_once(browser: Browser, tmp_path: Path) -> None:
    app: App = {f"GET /section-{i:03d}/products?page={i}": leak(500) if i % 50 == 0 else clean for i in range(500)}
    recording = record(app, blocks(app, 4))
    verdict = analyse(recording, Settings())
    file = tmp_path / "large.html"
    file.write_text(render_html(Dossier(verdict=verdict, pictures=pictures_of(recording, verdict))))
    watched = opened(browser, file)
    assert len(watched.rows()) == 20
    watched.page.get_by_role("button", name="Show all 500").click()
    assert len(watched.rows()) == 500
    assert watched.page.locator("#endpoint option").count() == 500
    assert watched.is_quiet(), watched.said
    watched.page.context.close()


def test_on_paper_the_charts_are_as_wide_as_the_page(browser: Browser, folder: Path) -> None:
    watched = opened(browser, folder / "report.html", scheme="dark")
    assert watched.page.pdf(format="A4").startswith(b"%PDF")
    watched.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    watched.page.emulate_media(media="print")
    pictures = watched.page.locator(".chart > canvas")
    assert pictures.count() == watched.page.locator(".chart").count()
    assert pictures.first.evaluate("e => e.clientWidth <= e.parentElement.clientWidth")
    watched.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert pictures.count() == 0
    assert watched.is_quiet(), watched.said
    watched.page.context.close()
