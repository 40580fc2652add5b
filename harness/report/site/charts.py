"""An endpoint's growth over the runs, drawn by Bokeh in colours that are readable on light and on dark paper."""

from __future__ import annotations

from typing import Any, Final

from bokeh.core.types import ID
from bokeh.embed import json_item
from bokeh.models.annotations import BoxAnnotation
from bokeh.models.sources import ColumnDataSource
from bokeh.models.tools import HoverTool
from bokeh.plotting import figure

from harness.model.history import HistoryRun, Point, ScenarioHistory, Trend
from harness.report.wording import is_known

_INK: Final = "#7d8791"
_COLOURS: Final = {
    "leak": "#d9483b",
    "clean": "#2f9e62",
    "bounded": "#3d84d6",
    "garbage": "#3d84d6",
    "inconclusive": "#c98a16",
}


def chart_of(history: ScenarioHistory, trend: Trend, element: str) -> Any:
    """The chart as the item that BokehJS embeds into `element`."""
    plot = figure(
        x_axis_type="datetime",
        height=320,
        sizing_mode="stretch_width",
        tools="pan,xwheel_zoom,box_zoom,reset,save",
        toolbar_location="above",
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        y_axis_label="bytes a request",
    )
    plot.toolbar.logo = None
    known = [
        (history.runs[i], point)
        for i, point in zip(trend.runs, trend.points, strict=True)
        if is_known(point.low) and is_known(point.high)
    ]
    source = ColumnDataSource(_columns(known))
    plot.segment(x0="x", y0="low", x1="x", y1="high", source=source, line_color=_INK, line_alpha=0.6)
    dots = plot.scatter("x", "y", source=source, size=6, color="colour")
    plot.add_tools(
        HoverTool(
            renderers=[dots],
            tooltips=[
                ("run", "@x{%F %H:%M}"),
                ("commit", "@commit"),
                ("B/request", "@y{0,0.0} (@low{0,0.0} … @high{0,0.0})"),
                ("verdict", "@verdict"),
            ],
            formatters={"@x": "datetime"},
        )
    )
    _levels(plot, history, trend)
    _colour(plot)
    return json_item(plot, ID(element))


def _columns(known: list[tuple[HistoryRun, Point]]) -> dict[str, list[Any]]:
    return {
        "x": [run.began for run, _ in known],
        "y": [point.bytes_per_request for _, point in known],
        "low": [point.low for _, point in known],
        "high": [point.high for _, point in known],
        "commit": [run.revision for run, _ in known],
        "verdict": [point.verdict for _, point in known],
        "colour": [_COLOURS[point.verdict] for _, point in known],
    }


def _levels(plot: Any, history: ScenarioHistory, trend: Trend) -> None:
    """The level between the changes, and a band over the nights that each change came in."""
    began = {run.folder: run.began for run in history.runs}
    if not trend.changes:
        return
    starts = [history.runs[trend.runs[0]].began, *(began[change.first_after] for change in trend.changes)]
    ends = [*(began[change.last_before] for change in trend.changes), history.runs[trend.runs[-1]].began]
    levels = [trend.changes[0].before_bytes, *(change.after_bytes for change in trend.changes)]
    plot.segment(x0=starts, x1=ends, y0=levels, y1=levels, line_width=2, line_color=_INK)
    for change in trend.changes:
        colour = _COLOURS["leak"] if change.size_bytes > 0 else _COLOURS["clean"]
        plot.add_layout(
            BoxAnnotation(
                left=began[change.last_before], right=began[change.first_after], fill_color=colour, fill_alpha=0.35
            )
        )


def _colour(plot: Any) -> None:
    for axis in plot.axis:
        axis.axis_label_text_color = axis.major_label_text_color = _INK
        axis.axis_line_color = axis.major_tick_line_color = axis.minor_tick_line_color = _INK
    plot.grid.grid_line_color = _INK
    plot.grid.grid_line_alpha = 0.2
