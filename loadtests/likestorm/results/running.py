"""What a target that is up tells a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from likestorm.results.reconciliation import Counting
from likestorm.results.record.target import ErrorGroup, PanelData


@dataclass(frozen=True)
class ExpectedScrape:
    """A target of Prometheus that must be scraped; of an instrument, `up == 0` is a gap, of a part it is an outage."""

    job: str
    instance: str
    interval_s: int = 1
    is_instrument: bool = False


@dataclass(frozen=True)
class WaitCounters:
    """Counters of seconds that split a tier's time, as `source` has them: of `total`, `wait` was spent in `behind`."""

    tier: str
    behind: str
    source: str
    wait: str
    total: str


class Running:
    """A target that is up. Subclasses say what they know; each default says that it is not known.

    hosts: addresses beyond loopback that the load may go to. data: path of a file for the user classes. is_reused: the
    data was driven before, so that users must choose anew. metrics_port: where the generator serves its own metrics on
    loopback. warm_up_s: least length of the warm-up. prometheus: base URL. scrapes: what it must scrape.
    chain_buckets: name of the histogram of chain effects, with the label `chain`. tier_waits: for the attribution of
    time, by the names in Server-Timing. memory_folder: a folder in memory that counts as memory.
    settings: what the target was asked to be, for comparisons: runs with other settings are not alike.
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
        """One line a fact: what the target runs on, and the versions of its parts."""
        return {}

    def pids(self) -> Mapping[str, int]:
        """The root process of each part on this machine."""
        return {}

    def panels(self, scrape_interval_s: float) -> Sequence[PanelData]:
        """The panels of the report, still without series; queries fit the interval between scrapes."""
        del scrape_interval_s
        return ()

    def counting(self) -> Counting | None:
        """The counters that must agree with the clients' count of requests."""
        return None

    def audit(self, since: datetime) -> Mapping[str, Sequence[str]] | None:
        """The ids that are stored since then, by set; None without an audit."""
        del since
        return None

    def errors(self) -> Sequence[ErrorGroup] | None:
        """The errors that the target's tracker counted since the run began; None without a tracker."""
        return None
