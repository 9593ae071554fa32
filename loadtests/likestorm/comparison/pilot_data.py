"""Recorded blocks: short real runs of one revision one after the other, of which only the percentiles are kept.

How much they differ from each other, with nothing changed, says what a comparison can see.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
from msgspec import Struct

from likestorm.comparison import outcome_measures
from likestorm.comparison.outcome_measures import PERCENTILES
from likestorm.results.record import Record
from likestorm.results.record.document import RecordError


class Blocks(Struct, frozen=True):
    """Blocks in the order in which they were made.

    command: what records such a file anew. values: response times in ms by endpoint ("like p50"), one a block.
    failures: the share of arrivals that did not complete, one a block.
    """

    command: str
    revision: str
    machine: str
    scenario: str
    rate_factor: float
    warm_up_s: float
    duration_s: float
    started_at: list[str]
    values: dict[str, list[float]]
    failures: list[float]


def load(path: Path) -> Blocks:
    """Read recorded blocks; RecordError where the file holds none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Blocks)
    except (OSError, msgspec.MsgspecError) as error:
        raise RecordError(f"{path}: {error}") from error


def save(blocks: Blocks, path: Path) -> None:
    """Write them, a block's value after the other."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(blocks), indent=1) + b"\n")


def spread(values: list[float]) -> float:
    """How far neighbours are apart: the standard deviation of the logarithms of their ratios, around no change."""
    return math.sqrt(statistics.fmean(math.log(after / before) ** 2 for before, after in pairwise(values)))


def of_records(records: Sequence[Record], command: str) -> Blocks:
    """What is kept of runs that were made one after the other, of requests that each of them bears."""
    first = records[0]
    samples = [each for each in outcome_measures.samples(records, [], []) if each.kind == "request"]
    kept = [each.endpoint(percentile) for each in samples for percentile in PERCENTILES if each.bears(percentile)]
    return Blocks(
        command=command,
        revision=first.environment["likestorm"],
        machine=first.environment["machine"],
        scenario=first.scenario.name,
        rate_factor=first.scenario.rate_factor,
        warm_up_s=first.scenario.warm_up_s,
        duration_s=first.scenario.duration_s,
        started_at=[record.started_at for record in records],
        values={each.name: [round(value, 3) for value in each.base] for each in kept},
        failures=outcome_measures.failures(records, []).base,
    )
