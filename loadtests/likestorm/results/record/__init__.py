"""What one run measured, and its verdict: frozen data, defined in the modules of this package."""

from dataclasses import dataclass, field

from likestorm.results.record.target import (
    ChainEffects,
    ErrorGroup,
    LedgerEntry,
    PanelData,
    PromqlValue,
    Reconciliation,
    ScrapeTarget,
)
from likestorm.results.record.timesplit import TierWait, TimeSplit
from likestorm.results.record.traffic import Arrivals, Generator, Load, Requests
from likestorm.results.record.verdict import Aborted, Capacity, Verdict

SCHEMA = 2


@dataclass(frozen=True)
class ScenarioFacts:
    """The load that the scenario asks for."""

    name: str
    description: str
    seed: int
    duration_s: float
    warm_up_s: float
    rate_factor: float


@dataclass(frozen=True)
class Record:
    """Everything that a run measured: the only input of the report, the judge and comparisons."""

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
    """Peak memory in the window by part, MB; shared pages count once (PSS)."""
    verdict: Verdict | None = None
    chains: list[ChainEffects] = field(default_factory=list)
    reported_errors: list[ErrorGroup] | None = None
    """The errors that the service reported to its error tracker during the run; None without a tracker."""
    reconciliation: Reconciliation | None = None
    """None for a target without request counters of its own."""
    promql: list[PromqlValue] = field(default_factory=list)
    trends: list[PanelData] = field(default_factory=list)
    """The series of budgets on slopes in Prometheus; `panel` is the name of the budget."""
    capacity: Capacity | None = None
    """The result of a capacity search; the rest of the record is the run at the highest rate that holds."""
    aborted: Aborted | None = None
    timing: dict[str, TimeSplit] = field(default_factory=dict)
    """By request; requests without Server-Timing headers are left out."""
    tier_waits: list[TierWait] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    """The settings of the target; runs with different settings are not comparable."""
    ledger_problem: str = ""
    """Why there is no ledger, if the target's audit failed."""
