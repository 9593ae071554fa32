"""A panel's series as a chart, or as tiles with the newest value of each series."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from likestorm.panels import charts, lines
from likestorm.panels.lines import Line
from likestorm.panels.model import Panel
from likestorm.units import number, scale

LINES = 6
"""The most lines of one panel that are drawn."""

Tone = Literal["good", "open", "bad", ""]
ICONS: dict[Tone, str] = {"good": "✓", "open": "!", "bad": "✕", "": ""}


@dataclass(frozen=True)
class Tile:
    """One number: the name of its series, its value and unit as printed, and its state against the thresholds.

    icon: the tone for readers who do not see its colour.
    """

    name: str
    value: str
    unit: str
    tone: Tone
    icon: str
    spark: Markup


def chart(panel: Panel, series: Sequence[Line], end: float, *, began: float | None = None) -> tuple[Markup, str]:
    """Lines over `end` seconds, and a note on the lines that are left out; with `began` (Unix time) in times of day."""
    known = [each for each in series if each.values()]
    drawn = lines.largest(known, LINES, add_rest=panel.adds_up)
    left_out = len(known) > LINES and not panel.adds_up
    svg = charts.time_chart(
        panel.title, drawn, panel.unit, end=end, thresholds=panel.thresholds, log=panel.unit == "s", began=began
    )
    return svg, f"The {LINES} highest of {len(known)} lines are drawn." if left_out else ""


def tiles(panel: Panel, series: Sequence[Line], end: float) -> list[Tile]:
    """One tile a series, in the order of their names, with a sparkline over `end` seconds."""
    return [_tile(panel, each, end) for each in sorted(series, key=lambda each: each.name) if each.values()]


def _tile(panel: Panel, drawn: Line, end: float) -> Tile:
    newest = drawn.values()[-1]
    fitting, state = scale(panel.unit, newest), tone(panel, newest)
    spark = charts.spark(drawn.points, end, max(drawn.values()))
    return Tile(drawn.name, number(newest * fitting.factor), fitting.label, state, ICONS[state], spark)


def tone(panel: Panel, value: float) -> Tone:
    """Good below every threshold, bad from the last one on, open between; none without thresholds."""
    if not panel.thresholds:
        return ""
    if value >= panel.thresholds[-1].value:
        return "bad"
    return "open" if value >= panel.thresholds[0].value else "good"
