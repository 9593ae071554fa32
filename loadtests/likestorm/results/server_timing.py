"""Where the time of requests went by the target's own account: a reservoir of samples with Server-Timing headers.

Headers are stored unparsed while the load goes on, since parsing costs several times as much as storing, and split by
tier afterwards. The reservoirs of several workers can be merged.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

from msgspec import Struct

from likestorm.results.record.timesplit import Composition, TimeSplit

HEADER = "Server-Timing"
RESERVOIR_SIZE = 10_000
"""Samples kept of one request, drawn evenly from all; the slowest 1 % are then 100."""
LONGEST_HEADER = 1_000
LONGEST_MS = 1e9
MOST_TIERS = 24
"""Most columns of one reservoir, for a target that uses new metric names in every answer."""

CLIENT_QUEUE, NETWORK, FRONT, WAIT, APP = "client-queue", "network", "nginx", "wait", "app"
OUTSIDE = frozenset({FRONT, WAIT, APP})
"""All other names are part of APP, if the header has it; FRONT contains WAIT and APP."""
WHOLE = "total"
"""A common name of the metric that contains all others; treated as APP."""
RESPONSE = "response"

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_NUMBER = re.compile(r"[0-9.]+(?:e[+-]?[0-9]{1,2})?", re.IGNORECASE)
_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]{1,40}", re.ASCII)


class Reservoir(Struct, frozen=True):
    """Samples of one request that had the header: the number seen, and ms by tier of those kept (float32).

    The column `response` has each sample's response time; the other columns add up to it.
    """

    seen: int
    columns: dict[str, bytes]


class ServerTimings:
    """Collects samples with their Server-Timing header, evenly drawn above the reservoir's size."""

    def __init__(self) -> None:
        self._samples: dict[str, list[tuple[str, float, float]]] = {}
        self._seen: dict[str, int] = {}
        self._chance = Random(0)

    def note(self, name: str, response: float, service: float, header: str) -> None:
        """Add an answer of the request `name` with its header's text; times in seconds."""
        seen = self._seen.get(name, 0) + 1
        self._seen[name] = seen
        sample = (header[:LONGEST_HEADER], response, service)
        if seen <= RESERVOIR_SIZE:
            self._samples.setdefault(name, []).append(sample)
        elif (place := int(self._chance.random() * seen)) < RESERVOIR_SIZE:
            self._samples[name][place] = sample

    def export(self) -> dict[str, Reservoir]:
        """The reservoirs by request, split by tier."""
        return {name: _reservoir(self._seen[name], samples) for name, samples in self._samples.items()}


def header_of(response: Any) -> str | None:
    """The text of an answer's Server-Timing header; None without an answer or a header."""
    headers = getattr(response, "headers", None)
    if headers is None:  # `not headers` would count them
        return None
    header = headers.get(HEADER)
    return ", ".join(header) if isinstance(header, list) else header


def parse(header: str) -> dict[str, float]:
    """Milliseconds by metric; malformed metrics and those without a duration are left out, equal names add up."""
    durations: dict[str, float] = {}
    plain = _QUOTED.sub(_unquote, header) if '"' in header else header
    for metric in plain.split(","):
        name, _, parameters = metric.partition(";")
        name = name.strip()
        milliseconds = _duration(parameters)
        if milliseconds is not None and _NAME.fullmatch(name):
            durations[name] = durations.get(name, 0.0) + milliseconds
    return durations


def _unquote(quoted: re.Match[str]) -> str:
    """A number without its quotes; other quoted text is dropped, since it may contain commas."""
    return quoted[1] if _NUMBER.fullmatch(quoted[1]) else ""


def _duration(parameters: str) -> float | None:
    """The first `dur` of a metric in ms; None without one, or for a value that is no duration."""
    for parameter in parameters.split(";"):
        key, _, text = parameter.partition("=")
        if key.strip().lower() == "dur":
            try:
                return float(text) if _NUMBER.fullmatch(text.strip()) and float(text) < LONGEST_MS else None
            except ValueError:
                return None
    return None


def split(header: str, response: float, service: float) -> dict[str, float]:
    """Milliseconds by tier of one sample (times in seconds), each tier without those behind it.

    They add up to the response time, unless the target states longer durations.
    """
    durations = parse(header)
    if WHOLE in durations:
        durations.setdefault(APP, durations.pop(WHOLE))
    inside = {name: ms for name, ms in durations.items() if name not in OUTSIDE}
    in_app = sum(inside.values())
    wait, app = durations.get(WAIT, 0.0), max(durations.get(APP, 0.0), in_app)
    front = max(durations.get(FRONT, 0.0), wait + app)
    tiers = {CLIENT_QUEUE: (response - service) * 1e3, NETWORK: service * 1e3 - front}
    tiers |= {FRONT: front - wait - app, WAIT: wait, APP: app - in_app, **inside}
    return {name: max(0.0, ms) for name, ms in tiers.items()}


def _reservoir(seen: int, samples: Sequence[tuple[str, float, float]]) -> Reservoir:
    columns: dict[str, array[float]] = {RESPONSE: array("f", (response * 1e3 for _, response, _ in samples))}
    for row, (header, response, service) in enumerate(samples):
        for name, ms in split(header, response, service).items():
            if name not in columns:
                if len(columns) > MOST_TIERS:
                    continue
                columns[name] = array("f", bytes(4 * len(samples)))
            columns[name][row] = ms
    return Reservoir(seen, {name: column.tobytes() for name, column in columns.items()})


def merge(exports: Iterable[Mapping[str, Reservoir]]) -> dict[str, Reservoir]:
    """Several workers' reservoirs as one: each contributes in proportion to the samples that it saw."""
    by_name: dict[str, list[Reservoir]] = {}
    for export in exports:
        for name, reservoir in export.items():
            by_name.setdefault(name, []).append(reservoir)
    return {name: parts[0] if len(parts) == 1 else _join(parts) for name, parts in by_name.items()}


def _join(parts: Sequence[Reservoir]) -> Reservoir:
    seen, chance = sum(part.seen for part in parts), Random(0)
    joined: dict[str, array[float]] = {name: array("f") for part in parts for name in part.columns}
    for part in parts:
        rows = len(part.columns[RESPONSE]) // 4
        share = min(rows, RESERVOIR_SIZE * part.seen // seen) if seen > RESERVOIR_SIZE else rows
        chosen = chance.sample(range(rows), share)
        for name, column in joined.items():
            values = _floats(part.columns.get(name, bytes(4 * rows)))
            column.extend(values[row] for row in chosen)
    return Reservoir(seen, {name: column.tobytes() for name, column in joined.items()})


def summarize(reservoirs: Mapping[str, Reservoir]) -> dict[str, TimeSplit]:
    """By request, where the time of the samples around the median (p45 to p55) and of the slowest 1 % went."""
    return {name: _summary(each) for name, each in sorted(reservoirs.items())}


def _summary(reservoir: Reservoir) -> TimeSplit:
    columns = {name: _floats(column) for name, column in reservoir.columns.items()}
    responses = columns.pop(RESPONSE)
    count = len(responses)
    ranked = sorted(range(count), key=responses.__getitem__)
    median = _mean(responses, columns, ranked[int(0.45 * count) : math.ceil(0.55 * count)])
    slowest = _mean(responses, columns, ranked[-math.ceil(count / 100) :])
    half_way = (median.total_ms + slowest.total_ms) / 2
    slow = [row for row in ranked if responses[row] >= half_way] or ranked[-1:]
    return TimeSplit(reservoir.seen, count, median, slowest, _mean(responses, columns, slow))


def _mean(responses: array[float], columns: Mapping[str, array[float]], rows: Sequence[int]) -> Composition:
    def mean(values: array[float]) -> float:
        return round(sum(values[row] for row in rows) / len(rows), 4)

    return Composition(len(rows), mean(responses), {name: mean(column) for name, column in columns.items()})


def _floats(column: bytes) -> array[float]:
    values = array("f")
    values.frombytes(column)
    return values
