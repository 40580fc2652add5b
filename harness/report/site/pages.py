"""The site's pages: text from a target goes through Jinja's escaping, data as JSON that can't end its element."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.model.history import HistoryRun, Point, ScenarioHistory, Trend
from harness.report.comparison import signed
from harness.report.history import USUAL_THRESHOLD_BYTES, night_of
from harness.report.printable import one_line
from harness.report.site.charts import chart_of
from harness.report.wording import is_known, number

LONGEST_NAME: Final = 200
SPARK_RUNS: Final = 60
# Pages below the index are this deep.
_ROOT: Final = "../../"


class Page(NamedTuple):
    """`path` is relative to the site's folder."""

    path: str
    text: str


def render_site(histories: Sequence[ScenarioHistory], smallest_bytes: float) -> Iterator[Page]:
    """Every file of the site, one after the other; with the style, the script and Bokeh's own, shared by all pages."""
    environment = _environment()
    yield Page("site.css", _asset("site.css"))
    yield Page("site.js", _asset("site.js"))
    yield Page("bokeh.min.js", _bokeh())
    index = environment.get_template("index.html.j2")
    yield Page(
        "index.html",
        index.render(
            title="hyperleak history", root="", histories=histories, smallest=smallest_bytes, spark_runs=SPARK_RUNS
        ),
    )
    for history in histories:
        yield from _endpoint_pages(environment, history)
        yield from _run_pages(environment, history)


def slug(text: str) -> str:
    """A file name for any text: readable as far as it goes, and never the same for two."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:60]
    return f"{plain}-{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"


def _endpoint_pages(environment: Environment, history: ScenarioHistory) -> Iterator[Page]:
    template = environment.get_template("endpoint.html.j2")
    runs = {run.folder: run for run in history.runs}
    for trend in history.trends:
        text = template.render(
            title=f"{trend.name} · {history.scenario}",
            root=_ROOT,
            history=history,
            trend=trend,
            runs=runs,
            nights=list(zip(trend.runs, trend.points, strict=True))[::-1],
            chart=Markup(_in_script(chart_of(history, trend, "chart"))),
        )
        yield Page(_endpoint_page(history, trend), text)


def _run_pages(environment: Environment, history: ScenarioHistory) -> Iterator[Page]:
    template = environment.get_template("run.html.j2")
    around = zip(history.runs, (None, *history.runs), (*history.runs[1:], None), strict=False)
    for run, earlier, later in around:
        text = template.render(
            title=f"{run.folder} · {history.scenario}",
            root=_ROOT,
            history=history,
            run=run,
            earlier=earlier,
            later=later,
        )
        yield Page(_run_page(history, run), text)


def _endpoint_page(history: ScenarioHistory, named: Trend | Point, root: str = "") -> str:
    return f"{root}{_slug(history.scenario)}/endpoints/{_slug(named.name)}.html"


def _run_page(history: ScenarioHistory, run: HistoryRun, root: str = "") -> str:
    return f"{root}{_slug(history.scenario)}/runs/{_slug(run.folder)}.html"


_slug = cache(slug)


def _in_script(document: Any) -> str:
    """JSON inside of an element: nothing in it can end the element."""
    return json.dumps(document).replace("<", "\\u003c")


@cache
def _shown(text: str) -> str:
    plain = one_line(text)
    return plain if len(plain) <= LONGEST_NAME else f"{plain[: LONGEST_NAME - 1]}…"


def _limits(point: Point) -> str:
    known = is_known(point.low) and is_known(point.high)
    return f"{number(point.low)} … {number(point.high)}" if known else "unknown"


def _spark(trend: Trend) -> Markup:
    """A line of the last runs, from 0 to the largest of them or what would be called a leak; made of numbers alone."""
    values = [point.bytes_per_request for point in trend.points[-SPARK_RUNS:] if is_known(point.bytes_per_request)]
    top = max((USUAL_THRESHOLD_BYTES, *values))
    places = " ".join(f"{index},{30 - 28 * max(value, 0.0) / top:.1f}" for index, value in enumerate(values))
    width = max(len(values) - 1, 1)
    return Markup(
        f'<svg class="spark" viewBox="0 0 {width} 32" preserveAspectRatio="none" aria-hidden="true">'
        f'<polyline points="{places}"/></svg>'
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("harness.report.site", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "shown": _shown,
        "night": night_of,
        "bytes": number,
        "change": signed,
        "limits": _limits,
        "spark": _spark,
        "endpoint_page": _endpoint_page,
        "run_page": _run_page,
    }
    return environment


def _asset(name: str) -> str:
    return (files("harness.report.site") / name).read_text(encoding="utf-8")


def _bokeh() -> str:
    return (files("bokeh") / "server/static/js/bokeh.min.js").read_text(encoding="utf-8")
