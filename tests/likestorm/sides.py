"""Runs of a baseline and of a candidate as a comparison reads them, made up from a seed."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from likestorm.comparison.interleaved import order
from likestorm.comparison.saved import Run, Side
from likestorm.results import histogram
from likestorm.results.record import Record, document
from likestorm.results.record.traffic import Load, Requests
from likestorm.run import RECORD_FILE, SCENARIO_FILE
from likestorm.scenario import Scenario
from likestorm.scenario.reading import load

from tests.likestorm import records

BUDGETED = ("like", "upload-ask", "upload-confirm", "upload-put")
SAMPLES = 200
START = datetime(2011, 10, 6, 9, 30, tzinfo=UTC)


def scenario() -> Scenario:
    """That of all runs here."""
    return load("likes").scaled(duration_s=3)


def block(number: int, factors: Mapping[str, float], chance: random.Random, *, failed: int = 0) -> Record:
    """One run: `number` in time, its requests slower by `factors`, `failed` of 1000 arrivals."""
    template = records.inconclusive()
    requests = {
        what: _requests([factors.get(what, 1.0) * 0.005 * chance.lognormvariate(0, 0.3) for _ in range(SAMPLES)])
        for what in (*BUDGETED, "signup")
    }
    return replace(
        template,
        started_at=(START + timedelta(minutes=number)).isoformat(timespec="milliseconds"),
        load=Load(1000, 1000 - failed, failed, 0, 0),
        requests=requests,
    )


def in_turn(
    pairs: int = 8, slower: Mapping[str, float] | None = None, *, failed: int = 0, noise: float = 0.01, seed: int = 1
) -> tuple[Side, Side]:
    """Both sides, interleaved; the candidate's requests are slower by these factors. The machine drifts by `noise`."""
    chance = random.Random(seed)
    sides: dict[str, list[Record]] = {"base": [], "candidate": []}
    level = 1.0
    for number, side in enumerate(order(pairs, seed)):
        level *= chance.lognormvariate(0, noise)
        put_in = (slower or {}) if side == "candidate" else {}
        factors = {what: level * put_in.get(what, 1.0) for what in BUDGETED}
        sides[side].append(block(number, factors, chance, failed=failed if side == "candidate" else 0))
    return side_of(sides["base"], "base"), side_of(sides["candidate"], "candidate")


def side_of(found: Sequence[Record], name: str) -> Side:
    """A side of these records."""
    return Side(tuple(Run(f"{name}-{number}", each, scenario()) for number, each in enumerate(found)))


def change_records(side: Side, change: Callable[[Record], Record]) -> Side:
    """The side with each of its records changed."""
    return Side(tuple(replace(run, record=change(run.record)) for run in side.runs))


def write(side: Side, folder: Path) -> list[Path]:
    """The side's runs as folders."""
    folders = []
    for run in side.runs:
        made = folder / run.path
        made.mkdir(parents=True)
        document.save(run.record, made / RECORD_FILE)
        (made / SCENARIO_FILE).write_bytes(msgspec.json.encode(run.scenario))
        folders.append(made)
    return folders


def edit(path: Path, change: Callable[[dict[str, object]], None]) -> None:
    """Change a JSON file."""
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def _requests(seconds: Sequence[float]) -> Requests:
    sample = histogram.of(seconds)
    return Requests(
        count=len(seconds), failures=0, timeouts=0, censored=0, response_time_ms=sample.percentiles(),
        service_time_ms=sample.percentiles(), histogram=sample.encode(), service_histogram=sample.encode(),
        failure_histogram=histogram.of([]).encode(), errors={},
    )  # fmt: skip
