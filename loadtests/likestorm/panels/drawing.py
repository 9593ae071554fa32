"""A panel's answer drawn: a chart, or tiles with the newest value of each series."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from likestorm.panels import charts, lines
from likestorm.panels.lines import Line
from likestorm.panels.model import Panel
from likestorm.units import number, scale

LINES = 6
"""So many lines are drawn of a panel that has more."""

Tone = Literal["good", "open", "bad", ""]
SAYS: dict[Tone, str] = {"good": "✓", "open": "!", "bad": "✕", "": ""}


@dataclass(frozen=True)
class Tile:
    """One number: its series' name, the value and its unit as printed, and how it stands against the thresholds."""

    name: str
    value: str
    unit: str
    tone: Tone
    spark: str

    @property
    def icon(self) -> str:
        """The tone for those who do not see its colour."""
        return SAYS[self.tone]


def shown(panel: Panel, drawn: Sequence[Line]) -> tuple[list[Line], str]:
    """The lines of a panel that are drawn, and a sentence on those that are not, where there are any."""
    known = [each for each in drawn if each.values()]
    chosen = lines.largest(known, LINES, add_rest=panel.adds_up)
    left_out = len(known) > LINES and not panel.adds_up
    return chosen, f"The {LINES} highest of {len(known)} are drawn." if left_out else ""


def chart(panel: Panel, drawn: Sequence[Line], end: float, *, began: float | None = None) -> str:
    """Lines over `end` seconds as SVG; with `began` (Unix time) the axis says the time of day."""
    return charts.time_chart(
        panel.title, drawn, panel.unit, end=end, thresholds=panel.thresholds, log=panel.unit == "s", began=began
    )


def tiles(panel: Panel, drawn: Sequence[Line], end: float) -> list[Tile]:
    """One tile a series, in the order of their names, with a line over `end` seconds."""
    return [_tile(panel, each, end) for each in sorted(drawn, key=lambda each: each.name) if each.values()]


def _tile(panel: Panel, drawn: Line, end: float) -> Tile:
    newest = drawn.values()[-1]
    fitting = scale(panel.unit, newest)
    spark = charts.spark(drawn.points, end, max(drawn.values()))
    return Tile(drawn.name, number(newest * fitting.factor), fitting.label, tone(panel, newest), spark)


def tone(panel: Panel, value: float) -> Tone:
    """Good below every threshold, bad from the last one on, open between; none where nothing is promised."""
    if not panel.thresholds:
        return ""
    if value >= panel.thresholds[-1].value:
        return "bad"
    return "open" if value >= panel.thresholds[0].value else "good"
