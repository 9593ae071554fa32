"""Where the time of requests went, as far as the target tells: Server-Timing headers kept with their samples.

Kept raw while load is made, since reading a header costs several times as much as keeping it, and split by tier
afterwards. What several workers kept can be merged.
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
KEPT = 10_000
"""Samples of one request that are kept; of more, as many are drawn at random, so the slowest 1 % are 100."""
LONGEST_HEADER = 1_000
LONGEST_MS = 1e9
MOST_TIERS = 24
"""A target that makes a new name up for each answer gets no more columns than this."""

CLIENT_QUEUE, NETWORK, FRONT, WAIT, APP = "client-queue", "network", "nginx", "wait", "app"
OUTSIDE = frozenset({FRONT, WAIT, APP})
"""All other names are part of APP where that is told; FRONT holds WAIT and APP."""
WHOLE = "total"
"""What many a target calls that which holds all else; taken for APP."""
RESPONSE = "response"

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_NUMBER = re.compile(r"[0-9.]+(?:e[+-]?[0-9]{1,2})?", re.IGNORECASE)
_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]{1,40}", re.ASCII)


class Kept(Struct, frozen=True):
    """The samples of one request that had the header: how many were seen, and ms by tier of those kept (float32).

    The column `response` is each sample's response time, the others add up to it.
    """

    seen: int
    columns: dict[str, bytes]


class Samples:
    """Keeps what the target told with each sample, an evenly drawn part where there are too many."""

    def __init__(self) -> None:
        self._told: dict[str, list[tuple[str, float, float]]] = {}
        self._seen: dict[str, int] = {}
        self._chance = Random(0)
        self._others: list[dict[str, Kept]] = []

    def note(self, name: str, response: float, service: float, told: str) -> None:
        """One answer of the request `name`, with its header's text; times in seconds."""
        seen = self._seen.get(name, 0) + 1
        self._seen[name] = seen
        sample = (told[:LONGEST_HEADER], response, service)
        if seen <= KEPT:
            self._told.setdefault(name, []).append(sample)
        elif (place := int(self._chance.random() * seen)) < KEPT:
            self._told[name][place] = sample

    def add(self, exported: dict[str, Kept]) -> None:
        """Add what another process kept."""
        self._others.append(exported)

    def export(self) -> dict[str, Kept]:
        """All of it by request, split by tier."""
        own = {name: _columns(self._seen[name], told) for name, told in self._told.items()}
        return merge([own, *self._others])


def header_of(response: Any) -> str | None:
    """The text of an answer's Server-Timing header; None where there is none, or no answer."""
    headers = getattr(response, "headers", None)
    if headers is None:  # not `not headers`, which counts them one by one
        return None
    told = headers.get(HEADER)
    return ", ".join(told) if isinstance(told, list) else told


def parse(told: str) -> dict[str, float]:
    """Milliseconds by metric; what is malformed, negative or without a duration is left out, equal names add up."""
    durations: dict[str, float] = {}
    plain = _QUOTED.sub(_unquote, told) if '"' in told else told
    for metric in plain.split(","):
        name, _, parameters = metric.partition(";")
        name = name.strip()
        milliseconds = _duration(parameters)
        if milliseconds is not None and _NAME.fullmatch(name):
            durations[name] = durations.get(name, 0.0) + milliseconds
    return durations


def _unquote(quoted: re.Match[str]) -> str:
    """A number without its quotes; any other text may hold commas, and matters to nobody here."""
    return quoted[1] if _NUMBER.fullmatch(quoted[1]) else ""


def _duration(parameters: str) -> float | None:
    """The first `dur` of a metric, ms; None where there is none, or it is no number that a duration can be."""
    for parameter in parameters.split(";"):
        key, _, text = parameter.partition("=")
        if key.strip().lower() == "dur":
            try:
                return float(text) if _NUMBER.fullmatch(text.strip()) and float(text) < LONGEST_MS else None
            except ValueError:
                return None
    return None


def split(told: str, response: float, service: float) -> dict[str, float]:
    """Milliseconds by tier of one sample (times in seconds), each tier without those behind it.

    Where the target tells no more than took place, they add up to the response time.
    """
    durations = parse(told)
    if WHOLE in durations:
        durations.setdefault(APP, durations.pop(WHOLE))
    inside = {name: ms for name, ms in durations.items() if name not in OUTSIDE}
    in_app = sum(inside.values())
    wait, app = durations.get(WAIT, 0.0), max(durations.get(APP, 0.0), in_app)
    front = max(durations.get(FRONT, 0.0), wait + app)
    tiers = {CLIENT_QUEUE: (response - service) * 1e3, NETWORK: service * 1e3 - front}
    tiers |= {FRONT: front - wait - app, WAIT: wait, APP: app - in_app, **inside}
    return {name: max(0.0, ms) for name, ms in tiers.items()}


def _columns(seen: int, told: Sequence[tuple[str, float, float]]) -> Kept:
    columns: dict[str, array[float]] = {RESPONSE: array("f", (response * 1e3 for _, response, _ in told))}
    for row, (text, response, service) in enumerate(told):
        for name, ms in split(text, response, service).items():
            if name not in columns:
                if len(columns) > MOST_TIERS:
                    continue
                columns[name] = array("f", bytes(4 * len(told)))
            columns[name][row] = ms
    return Kept(seen, {name: column.tobytes() for name, column in columns.items()})


def merge(exports: Iterable[Mapping[str, Kept]]) -> dict[str, Kept]:
    """What several workers kept, as if one had; of each as large a part as its share of what was seen."""
    by_name: dict[str, list[Kept]] = {}
    for export in exports:
        for name, kept in export.items():
            by_name.setdefault(name, []).append(kept)
    return {name: parts[0] if len(parts) == 1 else _join(parts) for name, parts in by_name.items()}


def _join(parts: Sequence[Kept]) -> Kept:
    seen, chance = sum(part.seen for part in parts), Random(0)
    joined: dict[str, array[float]] = {name: array("f") for part in parts for name in part.columns}
    for part in parts:
        rows = len(part.columns[RESPONSE]) // 4
        share = min(rows, KEPT * part.seen // seen) if seen > KEPT else rows
        chosen = chance.sample(range(rows), share)
        for name, column in joined.items():
            values = _floats(part.columns.get(name, bytes(4 * rows)))
            column.extend(values[row] for row in chosen)
    return Kept(seen, {name: column.tobytes() for name, column in joined.items()})


def summarize(kept: Mapping[str, Kept]) -> dict[str, TimeSplit]:
    """By request, where the time of the median's samples (p45 to p55) and of the slowest 1 % went."""
    return {name: _summary(each) for name, each in sorted(kept.items())}


def _summary(kept: Kept) -> TimeSplit:
    columns = {name: _floats(column) for name, column in kept.columns.items()}
    responses = columns.pop(RESPONSE)
    count = len(responses)
    ranked = sorted(range(count), key=responses.__getitem__)
    median = _mean(responses, columns, ranked[int(0.45 * count) : math.ceil(0.55 * count)])
    slowest = _mean(responses, columns, ranked[-math.ceil(count / 100) :])
    half_way = (median.total_ms + slowest.total_ms) / 2
    slow = [row for row in ranked if responses[row] >= half_way] or ranked[-1:]
    return TimeSplit(kept.seen, count, median, slowest, _mean(responses, columns, slow))


def _mean(responses: array[float], columns: Mapping[str, array[float]], rows: Sequence[int]) -> Composition:
    def mean(values: array[float]) -> float:
        return round(sum(values[row] for row in rows) / len(rows), 4)

    return Composition(len(rows), mean(responses), {name: mean(column) for name, column in columns.items()})


def _floats(column: bytes) -> array[float]:
    values = array("f")
    values.frombytes(column)
    return values
