"""Charts as SVG text: lines over time, percentile curves, sparklines and interval bars.

The report must open where scripts are blocked (the artifact viewers of CI), offline, in one small file, so the charts
are drawn here and need nothing but STYLE on the page. Colours are custom properties that follow the reader's dark or
light preference; every line also has a dash of its own, for those who do not see its colour. Text is larger where the
chart is shown narrower than 460 px, and all distances are made for the larger size: it never overlaps, nor shrinks
below 11 px on a phone of 360 px.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from likestorm.panels import axes
from likestorm.panels.axes import Axis
from likestorm.panels.lines import Line, Point, thin
from likestorm.panels.model import Threshold
from likestorm.units import Scale, exact, number, quantity, scale

STYLE = """
:root{--ink:#1b1f24;--soft:#59636e;--grid:#dfe3e8;--ground:#fff;--limit:#c0262d;--good:#d8f0df;
--line-1:#0067a8;--line-2:#c94f00;--line-3:#008060;--line-4:#9b3d80;--line-5:#7a6000;--line-6:#4a52c4;--line-7:#59636e}
@media (prefers-color-scheme:dark){:root{--ink:#e9edf2;--soft:#a2adb9;--grid:#343b44;--ground:#171b21;--limit:#ff7b7f;
--good:#1d4630;--line-1:#5ab4f0;--line-2:#ff9a4d;--line-3:#3ad1a4;--line-4:#ee95cd;--line-5:#e3c94b;--line-6:#a5aaff;
--line-7:#a2adb9}}
.chart{container-type:inline-size;margin:0}
.chart svg{display:block;width:100%;height:auto}
.chart text{font:12.5px system-ui,sans-serif;fill:var(--soft)}
@container (max-width:460px){.chart text{font-size:17px}}
.chart .name{fill:var(--ink)}
.chart .limit{fill:var(--limit);paint-order:stroke;stroke:var(--ground);stroke-width:4px;stroke-linejoin:round}
.chart .mark{font-variant-numeric:tabular-nums}
.chart .key{fill:var(--ground);font-weight:700}
.chart .key.faint{fill:var(--ink)}
"""

WIDTH = 520
LEFT, RIGHT, TOP, PLOT, FOOT, ROW = 66, 508, 32, 180, 34, 25
COLUMNS = (404, RIGHT)
NAME_CHARACTERS = 32
BUCKETS = 220
DASHES = ("", "7 4", "2 4", "10 3 2 3", "5 2", "1 3 6 3", "3 3")
LABEL_GAP = 20
STRETCH = 4
"""A limit up to this many times above all values is drawn; one beyond it is only named, else the lines lie flat."""


_Ends = tuple[float, float]


@dataclass(frozen=True)
class Column:
    """A column of the legend: its heading and what it says of a line's values, which are not empty."""

    heading: str
    of: Callable[[Line], float]


LAST = Column("last", lambda drawn: drawn.values()[-1])
MAX = Column("max", lambda drawn: max(drawn.values()))


def time_chart(
    title: str,
    lines: Sequence[Line],
    unit: str,
    *,
    end: float | None = None,
    thresholds: Sequence[Threshold] = (),
    log: bool = False,
    began: float | None = None,
) -> str:
    """Lines over time: x in seconds since the start up to `end`, values in `unit`.

    began: the Unix time of the start, where the axis is to say the time of day.
    """
    known = [drawn for drawn in lines if drawn.values()]
    last = end if end is not None else max((drawn.points[-1][0] for drawn in known), default=1.0)
    across = axes.seconds(last) if began is None else axes.times_of_day(began, last)
    return _chart(title, known, unit, across, thresholds, log, (LAST, MAX))


def percentile_chart(
    title: str, lines: Sequence[Line], unit: str, *, thresholds: Sequence[Threshold] = (), log: bool = True
) -> str:
    """Percentile curves: x in percent, each further nine as wide as the one before, values in `unit`."""
    known = [drawn for drawn in lines if drawn.values()]
    reached = axes.tail([drawn.points[-1][0] for drawn in known])
    columns = (Column("p50", lambda drawn: _reading(drawn, 50)), Column("p99", lambda drawn: _reading(drawn, 99)))
    return _chart(title, known, unit, reached, thresholds, log, columns)


def sparkline(values: Sequence[float | None], highest: float) -> str:
    """A small line without axes, from 0 to `highest`, the values side by side; for a cell of a table."""
    return spark([(float(x), value) for x, value in enumerate(values)], len(values) - 1, highest)


def spark(points: Sequence[Point], end: float, highest: float) -> str:
    """A small line without axes, from 0 to `end` and to `highest`."""
    across = Axis(0, max(end, 1), ())
    points = thin(points, 60)
    path = _path(points, across, axes.linear(highest or 1), (1, 119), (21, 3))
    return (
        '<svg class="spark" viewBox="0 0 120 24" width="120" height="24" aria-hidden="true">'
        f'<path d="{path}" fill="none" stroke="var(--line-1)" stroke-width="1.5" stroke-linejoin="round"/></svg>'
    )


def interval_bar(
    observed: float | None, low: float | None, high: float | None, limit: float, *, at_most: bool, tone: str
) -> str:
    """An interval against its limit, the side that keeps to it shaded; an unknown bound runs off the edge.

    tone: good, bad or open, for the colour.
    """
    marks = [value for value in (observed, low, high, limit) if value is not None]
    spread = (max(marks) - min(marks)) or abs(limit) or 1.0
    scaled = Axis(max(0.0, min(marks) - 0.25 * spread), max(marks) + 0.25 * spread, ())

    def x(value: float | None, otherwise: float) -> float:
        return otherwise if value is None else 6 + 148 * scaled.at(value)

    edge, left, right = x(limit, 0), x(low, 2), x(high, 158)
    shade = (2.0, edge) if at_most else (edge, 158.0)
    colour = {"good": "var(--line-3)", "bad": "var(--limit)"}.get(tone, "var(--line-2)")
    dot = "" if observed is None else f'<circle cx="{x(observed, 0):.1f}" cy="13" r="5" fill="{colour}"/>'
    return (
        '<svg class="interval" viewBox="0 0 160 26" width="160" height="26" aria-hidden="true">'
        f'<rect x="{shade[0]:.1f}" y="4" width="{shade[1] - shade[0]:.1f}" height="18" rx="3" fill="var(--good)"/>'
        f'<rect x="{left:.1f}" y="11" width="{max(right - left, 1):.1f}" height="4" rx="2" fill="{colour}"/>{dot}'
        f'<path d="M{edge:.1f} 1V25" stroke="var(--ink)" stroke-width="2"/></svg>'
    )


def _chart(
    title: str,
    lines: Sequence[Line],
    unit: str,
    across: Axis,
    thresholds: Sequence[Threshold],
    log: bool,
    columns: tuple[Column, Column],
) -> str:
    if not lines:
        return svg(title, "no data", TOP + PLOT, [text(WIDTH / 2, TOP + PLOT / 2, "no data", "middle")])
    values = [value for drawn in lines for value in drawn.values()]
    fitting = scale(unit, max(values))
    upward = _upward(values, [threshold.value for threshold in thresholds], fitting, log)
    parts = _grid(across, upward, fitting)
    for index, drawn in enumerate(lines):
        scaled = [(x, None if value is None else value * fitting.factor) for x, value in thin(drawn.points, BUCKETS)]
        path = _path(scaled, across, upward, (LEFT, RIGHT), (TOP + PLOT, TOP))
        parts.append(f'<path d="{path}" {_stroke(index, drawn)}/>')
    parts += _limits(thresholds, upward, fitting)
    parts += _legend(lines, fitting, columns)
    said = "; ".join(f"{drawn.name}: {_said(drawn, unit, columns)}" for drawn in lines)
    return svg(title, said, TOP + PLOT + FOOT + ROW * (len(lines) + 1), parts)


def _upward(values: Sequence[float], limits: Sequence[float], fitting: Scale, log: bool) -> Axis:
    """The value axis, in printed units; limits are on it unless they are far above every value."""
    highest = max(values)
    shown = [limit for limit in limits if log or limit <= STRETCH * highest or highest == 0]
    positive = [value for value in [*values, *shown] if value > 0]
    if log and positive:
        return axes.log(min(positive) * fitting.factor, max(positive) * fitting.factor)
    return axes.linear(max([highest, *shown]) * fitting.factor)


def _grid(across: Axis, upward: Axis, fitting: Scale) -> list[str]:
    parts = [text(LEFT, TOP - 12, fitting.label, "start")] if fitting.label else []
    for value, label in upward.ticks:
        y = _between((TOP + PLOT, TOP), upward.at(value))
        parts.append(f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="var(--grid)"/>')
        parts.append(text(LEFT - 8, y + 5, label, "end"))
    for value, label in across.ticks:
        x = _between((LEFT, RIGHT), across.at(value))
        anchor = "end" if x > WIDTH - 5 * len(label) else "middle"
        parts.append(f'<path d="M{x:.1f} {TOP + PLOT}v5" stroke="var(--soft)"/>')
        parts.append(text(x, TOP + PLOT + 23, label, anchor))
    return parts


def _limits(thresholds: Sequence[Threshold], upward: Axis, fitting: Scale) -> list[str]:
    """Lines at the limits; a label is left out where it would touch the one before."""
    parts: list[str] = []
    label_at = float("inf")
    for threshold in sorted(thresholds, key=lambda each: each.value):
        printed = threshold.value * fitting.factor
        said = f"limit {exact(printed)} {fitting.label}".rstrip()
        if printed > upward.high * 1.0001:
            return [*parts, text(RIGHT, TOP - 12, f"{said}: above this chart", "end", "limit")]
        y = _between((TOP + PLOT, TOP), upward.at(printed))
        parts.append(f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="var(--limit)" stroke-dasharray="4 3"/>')
        if label_at - y >= LABEL_GAP:
            label_at = y
            parts.append(text(RIGHT - 4, y - 5, said, "end", "limit"))
    return parts


def _legend(lines: Sequence[Line], fitting: Scale, columns: tuple[Column, Column]) -> list[str]:
    y = TOP + PLOT + FOOT + 16
    parts = [text(50, y, fitting.label and f"in {fitting.label}", "start")]
    parts += [text(x, y, column.heading, "end") for x, column in zip(COLUMNS, columns, strict=True)]
    for index, drawn in enumerate(lines):
        y += ROW
        parts.append(f'<path d="M8 {y - 5}h32" {_stroke(index, drawn)}/>')
        parts.append(text(50, y, legend_name(drawn.name), "start", "name"))
        for x, column in zip(COLUMNS, columns, strict=True):
            parts.append(text(x, y, number(column.of(drawn) * fitting.factor), "end", "mark"))
    return parts


def _said(drawn: Line, unit: str, columns: tuple[Column, Column]) -> str:
    return ", ".join(f"{column.heading} {quantity(column.of(drawn), unit)}" for column in columns)


def _reading(curve: Line, percentile: float) -> float:
    """The value at a percentile, NaN where the curve ends before it."""
    return next((value for p, value in curve.points if p == percentile and value is not None), float("nan"))


def _path(points: Sequence[Point], across: Axis, upward: Axis, xs: _Ends, ys: _Ends) -> str:
    """SVG path data; a gap lifts the pen, and a point between two gaps becomes a short stroke."""
    steps: list[str] = []
    known = [False, *(value is not None for _, value in points), False]
    for (x, value), before, after in zip(points, known, known[2:], strict=False):
        if value is None:
            continue
        at, y = _between(xs, across.at(x)), f"{_between(ys, upward.at(value)):.1f}"
        if before:
            steps.append(f"L{at:.1f} {y}")
        else:
            steps.append(f"M{at:.1f} {y}" if after else f"M{at - 2:.1f} {y}h4")
    return "".join(steps)


def _between(ends: _Ends, fraction: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * fraction


def _stroke(index: int, drawn: Line) -> str:
    number_of = len(DASHES) if drawn.muted else index % len(DASHES) + 1
    dash = DASHES[number_of - 1]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'fill="none" stroke="var(--line-{number_of})" stroke-width="2" stroke-linejoin="round" '
        f'stroke-linecap="round"{dashed}'
    )


def legend_name(name: str) -> str:
    """A name as long as a legend has room for."""
    return name if len(name) <= NAME_CHARACTERS else name[: NAME_CHARACTERS - 1] + "…"


def text(x: float, y: float, said: str, anchor: str, css: str = "") -> str:
    """One line of text at a point, which is its start, middle or end."""
    named = f' class="{css}"' if css else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{named}>{escape(said)}</text>'


def svg(title: str, description: str, height: float, parts: Sequence[str]) -> str:
    """A whole drawing, WIDTH wide, with what it says for those who do not see it."""
    return (
        f'<svg role="img" viewBox="0 0 {WIDTH} {height:g}"><title>{escape(title)}</title>'
        f"<desc>{escape(description)}</desc>{''.join(parts)}</svg>"
    )
