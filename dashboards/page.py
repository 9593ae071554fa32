"""Dashboards as one HTML page: the same catalogue as Grafana's, drawn by the same renderer as the report's."""

import base64
import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
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
"""Minutes that a live page can look back."""
REFRESH_S = 5
NOTHING = "Nothing was measured in this time: the part that tells this was not there, or did nothing."


@dataclass(frozen=True)
class View:
    """What a page is about.

    of: where the data come from, in words. start, end: Unix times. live: whether it goes on; minutes: how far back.
    trouble: why there are no data, in one line.
    """

    of: str
    start: float
    end: float
    live: bool
    minutes: int
    trouble: str = ""


@dataclass(frozen=True)
class Card:
    """One panel on the page, with tiles, a chart, or neither and the reason."""

    panel: Panel
    note: str
    tiles: Sequence[Tile]
    svg: str
    empty: str
    query: str


def panels_of(name: str) -> tuple[Dashboard, ...]:
    """The dashboards of a page; none where the name is not known."""
    return DASHBOARDS if name == EVERYTHING else tuple(each for each in DASHBOARDS if each.name == name)


def render(name: str, view: View, answers: Mapping[str, Sequence[Sampled]], window: str) -> str:
    """The page of one dashboard, or of all; answers by panel id, `window` as their queries had it."""
    script = (TEMPLATES / "refresh.js").read_text()
    chosen = panels_of(name)
    return (
        _environment()
        .get_template("page.html")
        .render(
            name=name,
            title=chosen[0].title if len(chosen) == 1 else "Everything",
            chosen=chosen,
            dashboards=DASHBOARDS,
            cards={
                each.id: _card(each, view, answers.get(each.id, ()), window) for one in chosen for each in one.panels
            },
            view=view,
            periods=PERIODS,
            refresh_s=REFRESH_S,
            script=script,
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            chart_style=charts.STYLE,
            said_end=_said(view.end),
            said_start=_said(view.start),
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["safe_text"] = Markup  # the charts' own output and our own files, escaped where it is needed
    return environment


def _card(panel: Panel, view: View, series: Sequence[Sampled], window: str) -> Card:
    drawn = [_line(panel, each, view.start) for each in series]
    known = [each for each in drawn if each.values()]
    query = panel.promql(window)
    if not known:
        why = panel.empty or NOTHING
        return Card(panel, "", (), "", view.trouble or why, query)
    if panel.kind == "tiles":
        return Card(panel, "", drawing.tiles(panel, known, view.end - view.start), "", "", query)
    chosen, left_out = drawing.shown(panel, known)
    svg = drawing.chart(panel, chosen, view.end - view.start, began=view.start)
    return Card(panel, left_out, (), svg, "", query)


def _line(panel: Panel, sampled: Sampled, start: float) -> Line:
    """A series by its legend; where a step has no value, the line has a gap."""
    points = sampled.points
    step = min((later[0] - earlier[0] for earlier, later in itertools.pairwise(points)), default=math.inf)
    times: list[float] = []
    values: list[float | None] = []
    for at, value in points:
        if times and at - start - times[-1] > 1.5 * step:
            times.append(at - start - step)
            values.append(None)
        times.append(at - start)
        values.append(value)
    name = panel.name_of(sampled.labels)
    return line(name, times, values)


def _said(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
