"""The report's bars of where the time went, worked out from the record."""

from __future__ import annotations

from likestorm import attribution
from likestorm.panels import stacks
from likestorm.panels.stacks import Segment
from likestorm.report.drawings import Drawing
from likestorm.results.record import Record
from likestorm.results.record.timesplit import TimeSplit

LEAST_SHARE = 0.01
"""A tier with less in both bars is drawn with the others of its kind."""
BARS = ("median", "slowest 1 %")


def draw_timing(record: Record) -> list[Drawing]:
    """Two bars a request, where its time went in the median and in the slowest 1 %; none without Server-Timing."""
    return [_draw(name, split) for name, split in record.timing.items()]


def _draw(name: str, split: TimeSplit) -> Drawing:
    title = f"{name}: where the time went"
    of = f"{split.seen:,}" if split.kept == split.seen else f"{split.kept:,} drawn at random of {split.seen:,}"
    note = f"Of {of} answers: {split.median.samples} around the median, {split.slowest.samples} in the slowest 1 %."
    return Drawing(title, note, stacks.stacked_bars(title, BARS, _segments(split), "ms"))


def _segments(split: TimeSplit) -> list[Segment]:
    """From the client inwards, then what only this target has, then the others."""
    median, slowest = split.median.tiers_ms, split.slowest.tiers_ms
    order = [*attribution.LABELS, *sorted(slowest.keys() - attribution.LABELS.keys())]
    values = {tier: (median.get(tier, 0.0), slowest.get(tier, 0.0)) for tier in order}
    shown = {tier for tier, each in values.items() if _share(each, split) >= LEAST_SHARE}
    segments = [
        Segment(attribution.label(tier).removeprefix("the "), values[tier], tone)
        for tone, tier in enumerate(order)
        if tier in shown
    ]
    rest = [each for tier, each in values.items() if tier not in shown]
    others = (sum(first for first, _ in rest), sum(second for _, second in rest))
    return [*segments, Segment("others", others, None)] if any(others) else segments


def _share(values: tuple[float, float], split: TimeSplit) -> float:
    wholes = (sum(split.median.tiers_ms.values()), sum(split.slowest.tiers_ms.values()))
    return max(value / whole if whole else 0.0 for value, whole in zip(values, wholes, strict=True))
