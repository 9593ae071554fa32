"""What one run measured and what was decided of it: frozen data, whose parts are in the modules beside."""

from __future__ import annotations

from dataclasses import dataclass, field

from likestorm.results.record.target import (
    ChainEffects,
    ErrorGroup,
    Hops,
    LedgerEntry,
    PanelData,
    PromqlValue,
    ScrapeTarget,
)
from likestorm.results.record.timesplit import TierWait, TimeSplit
from likestorm.results.record.traffic import Arrivals, Generator, Load, Requests
from likestorm.results.record.verdict import Aborted, Capacity, Verdict

SCHEMA = 2


@dataclass(frozen=True)
class ScenarioFacts:
    """What was asked for."""

    name: str
    description: str
    seed: int
    duration_s: float
    warm_up_s: float
    rate_factor: float


@dataclass(frozen=True)
class Record:
    """Everything that a run measured; the report, the judge and comparisons need nothing else."""

    schema: int
    scenario: ScenarioFacts
    target: str
    started_at: str
    finished_at: str
    environment: dict[str, str]
    load: Load
    arrivals: dict[str, Arrivals]
    requests: dict[str, Requests]
    generator: Generator
    scrapes: list[ScrapeTarget]
    panels: list[PanelData]
    ledger: list[LedgerEntry]
    memory_mb: dict[str, float]
    """Most resident memory in the window by part, shared pages counted once (PSS), MB."""
    verdict: Verdict | None = None
    chains: list[ChainEffects] = field(default_factory=list)
    reported_errors: list[ErrorGroup] | None = None
    """What the service's error tracker was told during the run; None where there was no tracker."""
    hops: Hops | None = None
    """None where the target has no counters of its own to compare with."""
    promql: list[PromqlValue] = field(default_factory=list)
    drifts: list[PanelData] = field(default_factory=list)
    """What budgets on slopes asked of Prometheus, `panel` being the budget's name."""
    capacity: Capacity | None = None
    """Of a search for the highest rate, whose record is that of the highest rate which holds."""
    aborted: Aborted | None = None
    timing: dict[str, TimeSplit] = field(default_factory=dict)
    """By request; without those whose answers had no Server-Timing header."""
    tier_waits: list[TierWait] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    """What the target was asked to be; runs with other settings are not alike."""
