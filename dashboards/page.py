"""Dashboards as one HTML page: the panels of Grafana's dashboards, drawn like the charts of a report."""

import base64
import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from likestorm.panels import charts, drawing
from likestorm.panels.drawing import Tile
from likestorm.panels.lines import Line, line
from likestorm.panels.model import Dashboard, Panel
from likestorm.results.prometheus import Sampled
from markupsafe import Markup

from dashboards.panels import DASHBOARDS

TEMPLATES = Path(__file__).with_name("templates")
EVERYTHING = "all"
PERIODS = (5, 15, 60, 360)
"""The periods of a live page, in minutes."""
REFRESH_S = 5
NO_DATA = "No data in this period: the part that has this metric was not running, or did nothing."


@dataclass(frozen=True)
class View:
    """The data that a page shows.

    of: their source, in words. start, end: Unix times. minutes: the period of a live page; 0 for a finished run.
    trouble: why there are no data, in one line.
    """

    of: str
    start: float
    end: float
    minutes: int = 0
    trouble: str = ""

    @property
    def said(self) -> tuple[str, str]:
        """Start and end in local time; the end without its day where it is the same."""
        start, end = (datetime.fromtimestamp(at).astimezone() for at in (self.start, self.end))
        return (
            f"{start:%Y-%m-%d %H:%M:%S}",
            f"{end:%H:%M:%S}" if start.date() == end.date() else f"{end:%Y-%m-%d %H:%M:%S}",
        )


@dataclass(frozen=True)
class Card:
    """One panel on the page: with tiles, with a chart, or with the reason why it is empty."""

    query: str
    note: str = ""
    tiles: Sequence[Tile] = ()
    svg: str = ""
    empty: str = ""


def panels_of(name: str) -> tuple[Dashboard, ...]:
    """The dashboards of a page; none for an unknown name."""
    return DASHBOARDS if name == EVERYTHING else tuple(each for each in DASHBOARDS if each.name == name)


def render(name: str, view: View, series: Mapping[str, Sequence[Sampled]], window: str) -> str:
    """The page of one dashboard, or of all; series by panel id, `window` as in their queries."""
    script = (TEMPLATES / "refresh.js").read_text()
    chosen = panels_of(name)
    template = charts.environment(TEMPLATES).get_template("page.html")
    return template.render(
        name=name,
        title=chosen[0].title if len(chosen) == 1 else "Everything",
        chosen=chosen,
        dashboards=DASHBOARDS,
        cards={each.id: _card(each, view, series.get(each.id, ()), window) for one in chosen for each in one.panels},
        view=view,
        periods=PERIODS,
        refresh_s=REFRESH_S if view.minutes else 0,
        script=Markup(script),  # noqa: S704 (a file of this folder)
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _card(panel: Panel, view: View, series: Sequence[Sampled], window: str) -> Card:
    lines = [_line(panel, each, view.start) for each in series]
    query, seconds = panel.promql(window), view.end - view.start
    if not any(each.values() for each in lines):
        return Card(query, empty=view.trouble or panel.empty or NO_DATA)
    if panel.kind == "tiles":
        return Card(query, tiles=drawing.tiles(panel, lines, seconds))
    svg, note = drawing.chart(panel, lines, seconds, began=view.start)
    return Card(query, note, svg=svg)


def _line(panel: Panel, sampled: Sampled, start: float) -> Line:
    """A series with its legend; a step without a value is a gap."""
    points = sampled.points
    step = min((later - earlier for (earlier, _), (later, _) in itertools.pairwise(points)), default=math.inf)
    times: list[float] = []
    values: list[float | None] = []
    for at, value in points:
        if times and at - start - times[-1] > 1.5 * step:
            times.append(at - start - step)
            values.append(None)
        times.append(at - start)
        values.append(value)
    return line(panel.name_of(sampled.labels), times, values)
