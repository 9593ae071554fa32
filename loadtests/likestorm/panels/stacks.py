"""Stacked bars as SVG text: how wholes are shared out, beside the charts and in their style."""

from collections.abc import Sequence
from dataclasses import dataclass

from likestorm.panels.charts import RIGHT, ROW, legend_name, svg, text
from likestorm.units import number, quantity, scale

LEFT, NAMES_AT, COLUMNS = 8, 50, (378, RIGHT)
HEAD, BAR, GAP = 28, 30, 12
COLOURS = 6
NARROWEST_LETTER = 22
"""A segment that is narrower has no room for its letter; the legend's order is the bars' own."""


@dataclass(frozen=True)
class Segment:
    """What a bar is made of: a name, its value in each bar, and its tone, for the colour and the letter on it.

    Tones count from 0, the second six are paler; None is grey, for what is left over.
    """

    name: str
    values: tuple[float, ...]
    tone: int | None


def stacked_bars(title: str, bars: tuple[str, str], segments: Sequence[Segment], unit: str) -> str:
    """Two bars as wide as the chart, each shared out among the segments; values in `unit`, none negative."""
    totals = [sum(segment.values[index] for segment in segments) for index in range(len(bars))]
    parts: list[str] = []
    y = 0.0
    for index, (name, total) in enumerate(zip(bars, totals, strict=True)):
        parts.append(text(LEFT, y + 19, f"{name}: {quantity(total, unit)}", "start", "name"))
        parts += _bar([(segment, segment.values[index]) for segment in segments], total, y + HEAD)
        y += HEAD + BAR + GAP
    fitting = scale(unit, max(totals, default=0.0))
    y += GAP + 4
    parts.append(text(NAMES_AT, y, f"in {fitting.label}", "start"))
    parts += [text(x, y, name, "end") for x, name in zip(COLUMNS, bars, strict=True)]
    for segment in segments:
        y += ROW
        parts += _block(segment, LEFT, 32, y - 16, 20)
        parts.append(text(NAMES_AT, y, legend_name(segment.name), "start", "name"))
        parts += [
            text(x, y, number(value * fitting.factor), "end", "mark")
            for x, value in zip(COLUMNS, segment.values, strict=True)
        ]
    said = "; ".join(_said(name, index, segments) for index, name in enumerate(bars))
    return svg(title, said or "no data", y + 12, parts)


def _bar(shares: Sequence[tuple[Segment, float]], total: float, y: float) -> list[str]:
    parts: list[str] = []
    x = float(LEFT)
    for segment, value in shares:
        width = (RIGHT - LEFT) * value / total if total else 0.0
        parts += _block(segment, x, width, y, BAR)
        x += width
    return parts


def _block(segment: Segment, x: float, width: float, y: float, height: float) -> list[str]:
    """A segment's rectangle, a gap narrower than its share, and its letter where there is room."""
    if width < 0.5:
        return []
    is_pale = segment.tone is not None and segment.tone >= COLOURS
    line = 7 if segment.tone is None else segment.tone % COLOURS + 1
    opacity = ' fill-opacity=".4"' if is_pale else ""
    drawn = max(width - 1.5, 0.5)
    size = f'width="{drawn:.1f}" height="{height:g}" rx="2"'
    parts = [f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="var(--line-{line})"{opacity}/>']
    if segment.tone is not None and width >= NARROWEST_LETTER:
        style = "key faint" if is_pale else "key"
        parts.append(text(x + drawn / 2, y + height / 2 + 5, chr(ord("a") + segment.tone % 26), "middle", style))
    return parts


def _said(name: str, index: int, segments: Sequence[Segment]) -> str:
    total = sum(segment.values[index] for segment in segments)
    shares = (f"{segment.name} {segment.values[index] / total:.0%}" for segment in segments if total)
    return f"{name}: {', '.join(shares)}"
