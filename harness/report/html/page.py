"""One HTML file that tells a run: it opens from disk, asks the network for nothing and forbids itself to.

Everything from the target or the scenario goes through Jinja's escaping, or as JSON into a block of data that can't end
its element. Scripts are allowed by their hashes alone (Content Security Policy Level 3, section 6.7.3).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.model.picture import Dossier
from harness.report.diagnosis import opinions_of, remarks_on
from harness.report.html import captions
from harness.report.html.shown import shown
from harness.report.html.story import Story, story_of
from harness.report.printable import printable


def render_html(dossier: Dossier) -> str:
    """The page; without pictures it has the tables, and says that the curves are missing."""
    story = story_of(dossier)
    charts = _charts(story)
    library = [_library()] if charts else []
    scripts = [*library, _asset("page.js")]
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            story=story,
            pictures=story.pictures,
            charts=set(charts["roots"].values()) if charts else set(),
            captions=captions,
            opinions=opinions_of(dossier.diagnosis) if dossier.diagnosis else [],
            opinion_remarks=list(remarks_on(dossier.diagnosis)) if dossier.diagnosis else [],
            data=_data(story, charts),
            css=Markup(_asset("page.css")),
            scripts=[Markup(script) for script in scripts],
            policy=_policy(scripts),
        )
    )


def _charts(story: Story) -> Mapping[str, Any] | None:
    if story.pictures is None:
        return None
    # Bokeh takes a second to import, and the command line imports every format.
    from harness.report.html.charts import draw

    charts = draw(story.pictures, story.colours, [event.elapsed_s for event in story.events])
    return {"document": charts.document, "roots": charts.roots} if charts.roots else None


def _data(story: Story, charts: Mapping[str, Any] | None) -> dict[str, Any]:
    """For the script: short lists by the endpoints' places, since there may be hundreds of them."""
    by_place = sorted(story.rows, key=lambda row: row.at)
    growths = story.pictures.growths if story.pictures else ()
    events = [shown(f"{event.kind.replace('_', ' ')} {event.detail}".rstrip()) for event in story.events]
    return {
        "facts": [[row.slope, row.low, row.high, row.sentence] for row in by_place] if charts else [],
        "growths": [[growth.requests, growth.kept_bytes] for growth in growths] if charts else [],
        "threshold": story.threshold_bytes,
        "events": events,
        "document": charts["document"] if charts else None,
        "roots": charts["roots"] if charts else {},
    }


def _policy(scripts: Iterable[str]) -> str:
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _library() -> str:
    from bokeh.resources import Resources

    return "\n".join(Resources(mode="inline", components=["bokeh"], minified=True).js_raw)


@cache
def _asset(name: str) -> str:
    return files("harness.report.html").joinpath(name).read_text("utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("harness.report.html", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # In Bokeh's document a model stands before the references to it, so its keys keep their order.
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False, "separators": (",", ":")}
    environment.filters.update({"shown": shown, "printable": printable})
    return environment
