"""The charts as Bokeh figures of one document, which the page puts into its own places.

Figures carry no colours and no text of the target: the page's script gives them the colours of its theme, by the tags
of their glyphs, and endpoints' names, by their numbers. Nothing in them is code, so the page can forbid `eval`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from bokeh.document import Document
from bokeh.models import (
    AdaptiveTicker,
    BoxZoomTool,
    ColumnDataSource,
    DataRange1d,
    HoverTool,
    NumeralTickFormatter,
    PanTool,
    ResetTool,
    SaveTool,
    VSpan,
    VStrip,
    WheelZoomTool,
)
from bokeh.plotting import figure

from harness.model.picture import Band, Curve, Pictures
from harness.report.html.captions import (
    COUNTS,
    MEMORY,
    TITLES,
    Unit,
    count_curves,
    memory_curves,
    resident_curve,
    size_unit,
    time_unit,
)

# So many endpoints have a colour of their own in the picture of the memory; the others share one.
SLOTS: Final = 6
MOST_EVENTS: Final = 200
GROWTH: Final = "growth"


@dataclass(frozen=True)
class Charts:
    """`document` is Bokeh's JSON, `roots` say which of its models goes into which element of the page."""

    document: dict[str, Any]
    roots: dict[str, str]


def draw(pictures: Pictures, slots: Sequence[int], events_s: Sequence[float]) -> Charts:
    """`slots` are the places of the endpoints with a colour of their own, `events_s` when something happened."""
    figures: dict[str, figure] = {}
    curves = memory_curves(pictures)
    if curves:
        unit = time_unit(max(curve.elapsed_s[-1] for curve in curves))
        span = DataRange1d(range_padding=0.01)
        figures["memory"] = _memory(pictures, curves, unit, span, slots, events_s)
        for curve in (*curves, *count_curves(pictures)):
            figures[f"channel-{curve.name}"] = _channel(curve, unit, span)
    if any(growth.requests for growth in pictures.growths):
        figures[GROWTH] = _growth()
    document = Document()
    for drawn in figures.values():
        document.add_root(drawn)
    roots = {str(drawn.id): f"chart-{name}" for name, drawn in figures.items()}
    return _numbered_anew(document.to_json(deferred=False), roots)


def _figure(height: int, x_title: str, y_title: str, x_range: DataRange1d | None = None) -> figure:
    drawn = figure(
        height=height,
        sizing_mode="stretch_width",
        x_range=x_range or DataRange1d(range_padding=0.02),
        x_axis_label=x_title,
        y_axis_label=y_title,
        tools=[
            BoxZoomTool(dimensions="auto"),
            PanTool(),
            WheelZoomTool(modifiers="ctrl"),
            ResetTool(),
            SaveTool(),
        ],
        toolbar_location="above",
        min_border_left=56,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
    )
    drawn.toolbar.logo = None
    # A finger that drags scrolls the page; the script lets a mouse zoom.
    drawn.toolbar.active_drag = None
    drawn.xgrid.visible = False
    return drawn


def _memory(
    pictures: Pictures,
    curves: Sequence[Curve],
    unit: Unit,
    span: DataRange1d,
    slots: Sequence[int],
    events_s: Sequence[float],
) -> figure:
    size = size_unit(max(max(curve.levels) for curve in curves))
    drawn = _figure(360, f"time ({unit.name})", size.name, span)
    for slot, bands in sorted(_by_slot(pictures.bands, slots).items()):
        strips = drawn.add_glyph(_band_source(bands, unit), VStrip(x0="start", x1="end"), tags=[f"band-{slot}"])
        tooltips = [("", "@said"), ("time", f"@start{{0.00}} to @end{{0.00}} {unit.name}"), ("kept", "@kept_text")]
        drawn.add_tools(HoverTool(renderers=[strips], tooltips=tooltips, point_policy="follow_mouse"))
    for tag, curve in zip(("line-heap", "line-resident"), _paired(pictures), strict=True):
        if curve is not None:
            _line(drawn, curve, unit, size.factor, tag)
    if events_s:
        source = ColumnDataSource({"time": _column(events_s[:MOST_EVENTS], unit.factor)}, name="events")
        marks = drawn.add_glyph(source, VSpan(x="time", line_dash="dashed", line_width=1.5), tags=["event"])
        drawn.add_tools(HoverTool(renderers=[marks], tooltips=[("", "@said"), ("time", f"@time{{0.00}} {unit.name}")]))
    return drawn


def _paired(pictures: Pictures) -> tuple[Curve | None, Curve | None]:
    return pictures.curve("php_heap"), resident_curve(pictures)


def _by_slot(bands: Sequence[Band], slots: Sequence[int]) -> dict[int, list[Band]]:
    """Bands of one endpoint by its colour; the last one is shared by those without, and by what drives several."""
    colours = {place: slot for slot, place in enumerate(slots)}
    found: dict[int, list[Band]] = {}
    for band in bands:
        if band.requests:
            slot = SLOTS if band.endpoint is None else colours.get(band.endpoint, SLOTS)
            found.setdefault(slot, []).append(band)
    return found


def _band_source(bands: Sequence[Band], unit: Unit) -> ColumnDataSource:
    """Endpoint −1 stands for several, −2 for the realistic mix; what it kept is NaN where that isn't known."""
    columns = {
        "start": _column([band.start_s for band in bands], unit.factor),
        "end": _column([band.end_s for band in bands], unit.factor),
        "endpoint": np.array([_number(band) for band in bands], dtype=np.int32),
        "requests": np.array([band.requests for band in bands], dtype=np.int32),
        "kept": _column([np.nan if band.kept_bytes is None else band.kept_bytes for band in bands], 1.0),
    }
    return ColumnDataSource(columns, tags=["bands"])


def _number(band: Band) -> int:
    if band.endpoint is not None:
        return band.endpoint
    return -2 if band.kind == "mix" else -1


def _channel(curve: Curve, unit: Unit, span: DataRange1d) -> figure:
    size = size_unit(max(map(abs, curve.levels))) if curve.name in MEMORY else Unit(COUNTS[curve.name].lower(), 1.0)
    drawn = _figure(230, f"time ({unit.name})", size.name, span)
    tag = "line-heap" if curve.name == "php_heap" else "line-resident" if curve.name in MEMORY else "line-count"
    _line(drawn, curve, unit, size.factor, tag)
    number = f"@level{{0,0.00}} {size.name}" if curve.name in MEMORY else "@level{0,0}"
    if curve.name in COUNTS:
        drawn.yaxis.ticker = AdaptiveTicker(min_interval=1)
    tooltips = [(TITLES[curve.name], number), ("time", f"@time{{0.00}} {unit.name}")]
    drawn.add_tools(HoverTool(tooltips=tooltips, mode="vline"))
    return drawn


def _line(drawn: figure, curve: Curve, unit: Unit, factor: float, tag: str) -> None:
    columns = {"time": _column(curve.elapsed_s, unit.factor), "level": _column(curve.levels, factor)}
    drawn.line("time", "level", source=ColumnDataSource(columns), line_width=2).tags = [tag]


def _growth() -> figure:
    """A line to begin with: the page's script fills it with the endpoint that was chosen."""
    drawn = _figure(360, "requests", "")
    fit = ColumnDataSource({key: [0, 1] for key in ("requests", "low", "mean", "high", "threshold")}, name="growth-fit")
    points = ColumnDataSource({key: [0, 1] for key in ("requests", "kept", "kept_text")}, name="growth-points")
    drawn.varea("requests", "low", "high", source=fit, fill_alpha=0.18).tags = ["limits"]
    drawn.line("requests", "threshold", source=fit, line_width=1.5, line_dash="dotted").tags = ["threshold"]
    drawn.line("requests", "mean", source=fit, line_width=2).tags = ["fit"]
    drawn.line("requests", "kept", source=points, line_width=1, line_alpha=0.6).tags = ["points"]
    marks = drawn.scatter("requests", "kept", source=points, size=7)
    marks.tags = ["points"]
    drawn.add_tools(HoverTool(renderers=[marks], tooltips=[("requests", "@requests{0,0}"), ("kept", "@kept_text")]))
    drawn.yaxis.name = "growth-axis"
    drawn.xaxis.formatter = NumeralTickFormatter(format="0,0")
    return drawn


def _column(values: Sequence[float], factor: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    return (np.asarray(values, dtype=np.float64) / factor).astype(np.float32)


def _numbered_anew(document: Any, roots: dict[str, str]) -> Charts:
    """Bokeh counts its models on through a process; the same run shall give the same page."""
    known: dict[str, str] = {}

    def number(model: str) -> str:
        return known.setdefault(model, str(len(known)))

    def renumbered(node: Any) -> Any:
        if isinstance(node, list):
            return [renumbered(item) for item in node]
        if not isinstance(node, dict):
            return node
        return {key: number(value) if key == "id" else renumbered(value) for key, value in node.items()}

    anew = renumbered(document)
    return Charts(anew, {known[model]: place for model, place in roots.items()})
