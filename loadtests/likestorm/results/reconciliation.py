"""Request reconciliation: how many of a run's requests each hop counted, for comparison with the clients' count."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from likestorm.results.outcome import Outcome, Traffic
from likestorm.results.prometheus import Prometheus, PrometheusError
from likestorm.results.record.target import HopCount, Reconciliation

PATIENCE_S, STEP_S = 20.0, 0.5


@dataclass(frozen=True)
class PromqlHop:
    """A hop with a request counter in Prometheus; lost counts show if the expression keeps the label `instance`."""

    name: str
    promql: str


@dataclass(frozen=True)
class Counting:
    """The request counters of a target: counters in Prometheus, scraped every `scrape_s`, and a hop's access logs.

    repeated: PromQL of retries between hops. access_logs: JSON lines with `uri`, and `upstream` as nginx writes it, of
    the hop `logged`. probed: the path of health checks, which are no requests of clients.
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
    """The counters at the start of a run; None where Prometheus was unreachable."""

    counting: Counting
    counters: Mapping[str, Mapping[str, float] | None]
    repeated: float
    log_sizes: Mapping[Path, int]


class _Line(Struct):
    """One line of an access log; `upstream` lists every app instance that was tried."""

    upstream: str = ""
    uri: str = ""


def begin(counting: Counting) -> Before:
    """Read every counter before the first request."""
    counters = {hop.name: _read(counting.prometheus, hop.promql) for hop in counting.counters}
    sizes = {path: path.stat().st_size if path.exists() else 0 for path in counting.access_logs}
    return Before(counting, counters, _repeated(counting), sizes)


def end(before: Before, outcome: Outcome, target_url: str) -> Reconciliation:
    """Read every counter again once it stands still, and compute each hop's count."""
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
    return Reconciliation(sent.answered, sent.failed + outcome.unfinished, max(0, repeated), counts)


def between(hop: str, before: Mapping[str, float] | None, after: Mapping[str, float] | None) -> HopCount:
    """The increase of a counter over all instances; unknown if an instance restarted or disappeared."""
    if before is None or after is None:
        return HopCount(hop, None, "is unknown: Prometheus is unreachable, or the counter never stood still")
    lost = [name for name, value in before.items() if after.get(name, -1.0) < value]
    if lost:
        return HopCount(hop, None, f"lost its count: {', '.join(sorted(lost))} was restarted or is gone")
    if not after:
        return HopCount(hop, None, "has no such counter")
    return HopCount(hop, round(sum(after.values()) - sum(before.values())))


def count_lines(sizes: Mapping[Path, int], probed: str = "") -> tuple[int, int]:
    """The number of requests in logs beyond these sizes, and the number of retries at another upstream."""
    lines = repeated = 0
    for path, size in sizes.items():
        if not path.exists():
            continue
        with path.open("rb") as log:
            log.seek(size)
            for text in log:
                line = msgspec.json.decode(text, type=_Line)
                if probed and line.uri == probed:  # nginx logs failed health checks
                    continue
                lines += 1
                repeated += line.upstream.count(",")
    return lines, repeated


def _settled(counting: Counting, hop: PromqlHop) -> Mapping[str, float] | None:
    """The counter after it stood still for two scrapes and their edges; None if it does not settle in time."""
    still_s = 2 * counting.scrape_s + STEP_S
    last, since = _read(counting.prometheus, hop.promql), time.monotonic()
    deadline = since + still_s + PATIENCE_S
    while last is not None and time.monotonic() < deadline:
        if time.monotonic() - since >= still_s:
            return last
        time.sleep(STEP_S)
        now = _read(counting.prometheus, hop.promql)
        if now != last:
            last, since = now, time.monotonic()
    return None


def _read(prometheus: Prometheus, promql: str) -> dict[str, float] | None:
    """Values by instance, or under "" without that label; None if Prometheus is unreachable."""
    now = time.time()
    try:
        return {series.labels.get("instance", ""): series.values[-1] for series in prometheus.range(promql, now, now)}
    except PrometheusError:
        return None


def _repeated(counting: Counting) -> float:
    values = counting.repeated and _read(counting.prometheus, counting.repeated)
    return sum(values.values()) if values else 0.0
