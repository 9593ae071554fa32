"""The interface of a target that is up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from likestorm.results.reconciliation import Counting
from likestorm.results.record.target import ErrorGroup, PanelData


@dataclass(frozen=True)
class ExpectedScrape:
    """A Prometheus target that must be scraped; `up == 0` is a gap of an instrument, but an outage of another part."""

    job: str
    instance: str
    interval_s: int = 1
    is_instrument: bool = False


@dataclass(frozen=True)
class WaitCounters:
    """Counters of seconds by `source` that split a tier's time: of `total`, operations waited `wait` in `behind`."""

    tier: str
    behind: str
    source: str
    wait: str
    total: str


class Running:
    """A target that is up. Every member has a default, for a target that does not provide it.

    hosts: addresses beyond loopback that load may go to. data: path of a file for the user classes. is_reused: an
    earlier run used the same data, so users must draw new choices. metrics_port: loopback port for the generator's own
    metrics. warm_up_s: minimum warm-up. prometheus: base URL. scrapes: what this Prometheus must scrape. chain_buckets:
    histogram of chain effects, with the label `chain`. tier_waits: for the attribution of time, with tier names of
    Server-Timing. memory_folder: a folder in memory that counts as memory. settings: runs with different settings are
    not comparable.
    """

    hosts: tuple[str, ...] = ()
    data: str = ""
    is_reused: bool = False
    metrics_port: int | None = None
    warm_up_s: float = 0.0
    prometheus: str | None = None
    scrapes: Sequence[ExpectedScrape] = ()
    chain_buckets: str = ""
    tier_waits: Sequence[WaitCounters] = ()
    memory_folder: Path | None = None
    settings: Mapping[str, str] = {}  # read only

    def __init__(self, url: str) -> None:
        self.url = url

    def facts(self) -> Mapping[str, str]:
        """The environment of the target and the versions of its parts, by name."""
        return {}

    def pids(self) -> Mapping[str, int]:
        """The root process of each part on this machine."""
        return {}

    def panels(self, scrape_interval_s: float) -> Sequence[PanelData]:
        """The panels of the report without their series; the queries fit the scrape interval."""
        del scrape_interval_s
        return ()

    def counting(self) -> Counting | None:
        """The request counters that must agree with the clients' count."""
        return None

    def audit(self, since: datetime) -> Mapping[str, Sequence[str]] | None:
        """The ids stored since then, by set; None without an audit. LikestormError if the audit fails."""
        del since
        return None

    def errors(self) -> Sequence[ErrorGroup] | None:
        """The errors that the error tracker received since the run began; None without a tracker."""
        return None
