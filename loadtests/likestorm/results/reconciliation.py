"""How many of a run's requests each hop counted on the way, so that what clients saw can be held against it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from likestorm.results.outcome import Outcome, Traffic
from likestorm.results.prometheus import Prometheus, PrometheusError
from likestorm.results.record.target import HopCount, Hops

PATIENCE_S, STEP_S = 20.0, 0.5


@dataclass(frozen=True)
class PromqlHop:
    """A hop whose count is a counter in Prometheus; an expression that keeps `instance` notices lost counters."""

    name: str
    promql: str


@dataclass(frozen=True)
class Counting:
    """What is asked before and after a run: counters in Prometheus, scraped every `scrape_s`; a hop's access logs.

    access_logs: JSON lines with `uri`, and `upstream` as nginx writes it, of the hop `logged`. probed: the path of
    health checks, which are no client's.
    """

    prometheus: Prometheus
    counters: Sequence[PromqlHop]
    repeated: str | None = None
    access_logs: Sequence[Path] = ()
    logged: str = ""
    probed: str = ""
    scrape_s: float = 1.0


@dataclass(frozen=True)
class Before:
    """Where the counters stood when the run began; None where Prometheus was away."""

    counting: Counting
    counters: Mapping[str, Mapping[str, float] | None]
    repeated: float
    log_sizes: Mapping[Path, int]


class _Line(Struct):
    """One line of an access log: `upstream` has every app instance that was tried."""

    upstream: str = ""
    uri: str = ""


def begin(counting: Counting) -> Before:
    """Read every counter before the first request."""
    counters = {hop.name: _try(lambda hop=hop: _read(counting.prometheus, hop.promql)) for hop in counting.counters}  # type: ignore[misc]
    sizes = {path: path.stat().st_size if path.exists() else 0 for path in counting.access_logs}
    return Before(counting, counters, _repeated(counting), sizes)


def end(before: Before, outcome: Outcome, target_url: str) -> Hops:
    """Read them again once they stand still, and say what each hop counted."""
    counting = before.counting
    settled = {hop.name: _settled(counting, hop) for hop in counting.counters}
    sent = outcome.traffic.get(urlsplit(target_url).netloc, Traffic(0, 0))
    counts = []
    tries = 0
    if counting.access_logs:
        lines, tries = count_lines(before.log_sizes, counting.probed)
        counts.append(HopCount(counting.logged, lines))
    counts += [between(hop.name, before.counters[hop.name], settled[hop.name]) for hop in counting.counters]
    repeated = tries + round(_repeated(counting) - before.repeated)
    return Hops(sent.answered, sent.failed + outcome.unfinished, max(0, repeated), counts)


def between(hop: str, before: Mapping[str, float] | None, after: Mapping[str, float] | None) -> HopCount:
    """The increase of a counter by instance; one that went back, or is gone, has lost its count."""
    if before is None or after is None:
        return HopCount(hop, None, "cannot be asked: Prometheus is away, or the counter never stood still")
    lost = [name for name, value in before.items() if after.get(name, -1.0) < value]
    if lost:
        return HopCount(hop, None, f"lost its count: {', '.join(sorted(lost))} was restarted or is gone")
    if not after:
        return HopCount(hop, None, "has no such counter")
    return HopCount(hop, round(sum(after.values()) - sum(before.values())))


def count_lines(sizes: Mapping[Path, int], probed: str = "") -> tuple[int, int]:
    """Requests in the logs since these were so long, and how often one was tried at another upstream."""
    lines = repeated = 0
    for path, size in sizes.items():
        if not path.exists():
            continue
        with path.open("rb") as log:
            log.seek(size)
            for text in log:
                line = msgspec.json.decode(text, type=_Line)
                if probed and line.uri == probed:  # logged where it fails
                    continue
                lines += 1
                repeated += line.upstream.count(",")
    return lines, repeated


def _settled(counting: Counting, hop: PromqlHop) -> Mapping[str, float] | None:
    """The counter once it has stood still for two scrapes and what their edges take; None where that never comes."""
    still_s = 2 * counting.scrape_s + STEP_S
    last, since = _try(lambda: _read(counting.prometheus, hop.promql)), time.monotonic()
    deadline = since + still_s + PATIENCE_S
    while last is not None and time.monotonic() < deadline:
        if time.monotonic() - since >= still_s:
            return last
        time.sleep(STEP_S)
        now = _try(lambda: _read(counting.prometheus, hop.promql))
        if now != last:
            last, since = now, time.monotonic()
    return None


def _read(prometheus: Prometheus, promql: str) -> dict[str, float]:
    """By instance; "" where the expression keeps none."""
    now = time.time()
    return {series.labels.get("instance", ""): series.values[-1] for series in prometheus.range(promql, now, now)}


def _repeated(counting: Counting) -> float:
    query = counting.repeated
    values = query and _try(lambda: _read(counting.prometheus, query))
    return sum(values.values()) if values else 0.0


def _try(read: Callable[[], dict[str, float]]) -> dict[str, float] | None:
    try:
        return read()
    except PrometheusError:
        return None
