"""Pilot data: the percentiles of short consecutive runs (blocks) of one revision.

Their spread, with nothing changed, determines what a comparison can detect.
"""

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
from msgspec import Struct

from likestorm.comparison import outcome_measures
from likestorm.comparison.outcome_measures import PERCENTILES
from likestorm.files import write_whole
from likestorm.results.record import Record
from likestorm.results.record.document import RecordError


class PilotData(Struct, frozen=True):
    """Blocks in time order.

    command: the command that records such a file. values: response times in ms by outcome measure ("like p50"), one for
    each block. failures: the share of arrivals that did not complete, one for each block.
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


def load(path: Path) -> PilotData:
    """Read pilot data; RecordError names the file and the problem."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=PilotData)
    except (OSError, msgspec.MsgspecError) as error:
        raise RecordError(f"{path}: {error}") from error


def save(pilot: PilotData, path: Path) -> None:
    """Write pilot data as indented JSON, whole or not at all."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(pilot), indent=1) + b"\n")


def spread(values: list[float]) -> float:
    """The spread of neighbours: the standard deviation of the logarithms of their ratios, around no change."""
    return math.sqrt(statistics.fmean(math.log(after / before) ** 2 for before, after in pairwise(values)))


def of_records(records: Sequence[Record], command: str) -> PilotData:
    """Pilot data of consecutive runs, for the percentiles that every run supports."""
    first = records[0]
    samples = [each for each in outcome_measures.samples(records, [], []) if each.kind == "request"]
    kept = [each.measure(percentile) for each in samples for percentile in PERCENTILES if each.supports(percentile)]
    return PilotData(
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
