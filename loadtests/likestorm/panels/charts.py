"""Charts as HTML with SVG: lines over time, percentile curves, stacked bars, sparklines and interval bars.

A report must open where scripts are blocked (artifact viewers of CI), offline, as one small file. So a chart is static
markup of templates/charts.html, and needs only templates/charts.css on its page. Colours are custom properties that
follow the reader's dark or light preference; every line also has its own dash for readers who do not see its colour.
Axis labels are larger where a chart is narrower than 460 px, so that they never shrink below 11 px on a phone.

pygal, the nearest library, puts scripts and 24 kB of markup into each chart, takes fixed colours only, and has neither
limit lines nor percentile axes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from likestorm.panels import axes
from likestorm.panels.axes import Axis
from likestorm.panels.lines import Line, Point, thin
from likestorm.panels.model import Threshold
from likestorm.units import Scale, exact, number, quantity, scale

TEMPLATES = Path(__file__).with_name("templates")
WIDTH = 520
LEFT, RIGHT, TOP, BOTTOM, HEIGHT = 66.0, 508.0, 32.0, 212.0, 246
BUCKETS, SPARK_BUCKETS = 220, 30
STYLES = 7
"""Line styles of charts.css; the last one is grey."""
LABEL_GAP = 20
STRETCH = 4
"""A limit up to this many times the highest value is drawn; a higher one is only named, else the lines lie flat."""
NARROWEST_LETTER = 22
"""A narrower segment has no room for its letter; the legend has the bars' order."""


@dataclass(frozen=True)
class Column:
    """A column of the legend: its heading, and the value that it takes from a line, which has values."""

    heading: str
    of: Callable[[Line], float]


@dataclass(frozen=True)
class Segment:
    """A part of stacked bars: its name, its value in each bar, and its tone, for colour and letter.

    Tones count from 0, those from the seventh on are paler; None is grey, for the remainder.
    """

    name: str
    values: tuple[float, ...]
    tone: int | None


LAST = Column("last", lambda drawn: drawn.values()[-1])
MAX = Column("max", lambda drawn: max(drawn.values()))
P50 = Column("p50", lambda drawn: _reading(drawn, 50))
P99 = Column("p99", lambda drawn: _reading(drawn, 99))


def environment(*folders: Path) -> Environment:
    """Jinja for the templates in these folders and in the charts' own; it escapes all values but the charts."""
    loader = FileSystemLoader([*folders, TEMPLATES])
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@cache
def _macros() -> object:
    return environment().get_template("charts.html").module


def _draw(macro: str, **values: object) -> Markup:
    """The output of a macro of charts.html."""
    drawn: Markup = getattr(_macros(), macro)(**values)
    return drawn


def time_chart(
    title: str,
    lines: Sequence[Line],
    unit: str,
    *,
    end: float | None = None,
    thresholds: Sequence[Threshold] = (),
    log: bool = False,
    began: float | None = None,
) -> Markup:
    """Lines over time: x in seconds since the start up to `end`, values in `unit`.

    began: the Unix time of the start; with it the axis has times of day.
    """
    known = [drawn for drawn in lines if drawn.values()]
    last = end if end is not None else max((drawn.points[-1][0] for drawn in known), default=1.0)
    across = axes.seconds(last) if began is None else axes.times_of_day(began, last)
    return _chart(title, known, unit, across, thresholds, log, (LAST, MAX))


def percentile_chart(title: str, lines: Sequence[Line], unit: str) -> Markup:
    """Percentile curves: x in percent, each further nine as wide as the last one, values in `unit` on a log axis."""
    known = [drawn for drawn in lines if drawn.values()]
    across = axes.tail([drawn.points[-1][0] for drawn in known])
    return _chart(title, known, unit, across, (), True, (P50, P99))


def _chart(
    title: str,
    lines: Sequence[Line],
    unit: str,
    across: Axis,
    thresholds: Sequence[Threshold],
    log: bool,
    columns: tuple[Column, Column],
) -> Markup:
    values = [value for drawn in lines for value in drawn.values()]
    fitting = scale(unit, max(values, default=0.0))
    upward = _upward(values or [0.0], [threshold.value for threshold in thresholds], fitting, log)
    return _draw(
        "lines",
        title=title,
        unit=fitting.label,
        x_ticks=[(_between(LEFT, RIGHT, across.at(value)), label) for value, label in across.ticks],
        y_ticks=[(_between(BOTTOM, TOP, upward.at(value)), label) for value, label in upward.ticks],
        limits=_limits(thresholds, upward, fitting),
        heads=[column.heading for column in columns],
        curves=[
            (
                _style(index, drawn),
                _curve(drawn, across, upward, fitting),
                drawn.name,
                _marks(drawn, columns, fitting),
            )
            for index, drawn in enumerate(lines)
        ],
    )


def _upward(values: Sequence[float], limits: Sequence[float], fitting: Scale, log: bool) -> Axis:
    """The value axis, in printed units; limits are on it unless they are far above every value."""
    highest = max(values)
    shown = [limit for limit in limits if log or limit <= STRETCH * highest or highest == 0]
    positive = [value for value in [*values, *shown] if value > 0]
    if log and positive:
        return axes.log(min(positive) * fitting.factor, max(positive) * fitting.factor)
    return axes.linear(max([highest, *shown]) * fitting.factor)


def _limits(thresholds: Sequence[Threshold], upward: Axis, fitting: Scale) -> list[tuple[float | None, str]]:
    """Height and label of each limit: no height where it is above the chart, no label where two would touch."""
    limits: list[tuple[float | None, str]] = []
    label_at = float("inf")
    for printed in sorted(each.value * fitting.factor for each in thresholds):
        said = f"limit {exact(printed)} {fitting.label}".rstrip()
        if printed > upward.high * 1.0001:
            return [*limits, (None, f"{said}: above this chart")]
        y = _between(BOTTOM, TOP, upward.at(printed))
        is_clear = label_at - y >= LABEL_GAP
        limits.append((y, said if is_clear else ""))
        label_at = y if is_clear else label_at
    return limits


def _style(index: int, drawn: Line) -> int:
    return STYLES if drawn.muted else index % STYLES + 1


def _curve(drawn: Line, across: Axis, upward: Axis, fitting: Scale) -> str:
    scaled = [(x, None if value is None else value * fitting.factor) for x, value in thin(drawn.points, BUCKETS)]
    return _path(scaled, across, upward, (LEFT, RIGHT), (BOTTOM, TOP))


def _marks(drawn: Line, columns: Sequence[Column], fitting: Scale) -> list[str]:
    return [number(column.of(drawn) * fitting.factor) for column in columns]


def _reading(curve: Line, percentile: float) -> float:
    """The value at a percentile, NaN where the curve ends before it."""
    return next((value for p, value in curve.points if p == percentile and value is not None), float("nan"))


def _path(points: Sequence[Point], across: Axis, upward: Axis, xs: tuple[float, float], ys: tuple[float, float]) -> str:
    """SVG path data; a gap lifts the pen, and a point between two gaps becomes a short stroke."""
    steps: list[str] = []
    known = [False, *(value is not None for _, value in points), False]
    for (x, value), before, after in zip(points, known, known[2:], strict=False):
        if value is None:
            continue
        at, y = _between(*xs, across.at(x)), f"{_between(*ys, upward.at(value)):.1f}"
        if before:
            steps.append(f"L{at:.1f} {y}")
        else:
            steps.append(f"M{at:.1f} {y}" if after else f"M{at - 2:.1f} {y}h4")
    return "".join(steps)


def _between(low: float, high: float, fraction: float) -> float:
    return low + (high - low) * fraction


def spark(points: Sequence[Point], end: float, highest: float) -> Markup:
    """A small line without axes, from 0 to `end` and to `highest`."""
    across, upward = Axis(0, max(end, 1)), axes.linear(highest or 1)
    return _draw("spark", path=_path(thin(points, SPARK_BUCKETS), across, upward, (1, 119), (21, 3)))


def interval_bar(
    observed: float | None, low: float | None, high: float | None, limit: float, *, at_most: bool, tone: str
) -> Markup:
    """An interval against its limit, with the side that keeps the limit shaded; an unknown bound runs off the edge.

    tone: good, bad or open, for the colour.
    """
    marks = [value for value in (observed, low, high, limit) if value is not None]
    spread = (max(marks) - min(marks)) or abs(limit) or 1.0
    scaled = Axis(max(0.0, min(marks) - 0.25 * spread), max(marks) + 0.25 * spread)
    edge, left, right, dot = (
        otherwise if value is None else 6 + 148 * scaled.at(value)
        for value, otherwise in ((limit, 0.0), (low, 2.0), (high, 158.0), (observed, None))
    )
    shade = (2.0, edge) if at_most else (edge, 158.0)
    return _draw("interval", tone=tone, shade=shade, edge=edge, left=left, right=right, dot=dot)


def stacked_bars(title: str, bars: tuple[str, str], segments: Sequence[Segment], unit: str) -> Markup:
    """Two bars as wide as the chart, each divided among the segments; values in `unit`, none negative."""
    totals = [sum(segment.values[index] for segment in segments) for index in range(len(bars))]
    fitting = scale(unit, max(totals, default=0.0))
    return _draw(
        "stack",
        title=title,
        bars=[
            (f"{name}: {quantity(total, unit)}", _blocks(index, total, segments))
            for index, (name, total) in enumerate(zip(bars, totals, strict=True))
        ],
        unit=fitting.label,
        heads=bars,
        rows=[
            (*_colour(segment.tone), segment.name, [number(value * fitting.factor) for value in segment.values])
            for segment in segments
        ],
    )


def _blocks(index: int, total: float, segments: Sequence[Segment]) -> list[tuple[float, float, str, str]]:
    """x, width, style and letter of each rectangle of a bar; no letter where there is no room for it."""
    blocks = []
    x = 8.0
    for segment in segments:
        width = (WIDTH - 20) * segment.values[index] / total if total else 0.0
        if width >= 0.5:
            style, letter = _colour(segment.tone)
            blocks.append((x, max(width - 1.5, 0.5), style, letter if width >= NARROWEST_LETTER else ""))
        x += width
    return blocks


def _colour(tone: int | None) -> tuple[str, str]:
    """The style and the letter of a segment."""
    if tone is None:
        return f"l{STYLES}", ""
    pale = " pale" if tone >= STYLES - 1 else ""
    return f"l{tone % (STYLES - 1) + 1}{pale}", chr(ord("a") + tone % 26)
