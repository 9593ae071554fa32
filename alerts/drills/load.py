"""Traffic during the drills, and the ledger of its effects."""

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import msgspec
from likestorm.generator import launcher
from likestorm.generator.plan import END_SIGNAL, Plan
from likestorm.results import ledger
from likestorm.results.ledger import Journal
from likestorm.results.outcome import Outcome
from likestorm.results.record.target import LedgerEntry
from likestorm.scenario import Scenario, reading

from alerts.drills import DrillError
from compose import local
from compose.local import Target

SCENARIO = "likes"
# The drills end a generator; no drill takes so long.
_LONGEST_S = 3 * 3600.0
_END_S = 60.0

Rates = Mapping[str, float]
BACKGROUND: Mapping[str, Rates] = MappingProxyType(
    {"people": {"like": 36.0, "signup": 0.4}, "uploads": {"upload": 10.0}}
)
"""Arrivals a second by generator, 40 % of the scenario's; two generators, so that uploads can stop alone."""


@dataclass
class _Generator:
    """One load generator that runs."""

    thread: threading.Thread
    pid: int = 0
    outcome: Outcome | None = None
    error: Exception | None = None

    def end(self) -> None:
        """Tell the generator to end in good order; it may have ended."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, END_SIGNAL)


@dataclass
class Load:
    """Every load generator of a stack, by name; out: folder for their files."""

    target: Target
    manifest: Path
    out: Path
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    _running: dict[str, _Generator] = field(default_factory=dict)
    _ended: list[Outcome] = field(default_factory=list)
    _count: int = 0

    def start_background(self, share: float) -> None:
        """Start this share of the background's arrivals."""
        started = [
            self._start(name, {arrival: share * rate for arrival, rate in rates.items()})
            for name, rates in BACKGROUND.items()
        ]
        for event in started:
            event.wait(_END_S)

    @contextmanager
    def added(self, name: str, rates: Rates, jpeg: Path | None = None) -> Iterator[None]:
        """More arrivals a second within the block; jpeg: the file that is uploaded, instead of the seeded pictures."""
        self._start(name, rates, jpeg).wait(_END_S)
        try:
            yield
        finally:
            self._stop(name)

    @contextmanager
    def without(self, name: str, rates: Rates) -> Iterator[None]:
        """No arrivals of this generator within the block; afterwards these."""
        self._stop(name)
        try:
            yield
        finally:
            self._start(name, rates).wait(_END_S)

    def stop_all(self) -> None:
        """End every generator that runs, and keep its journals; DrillError when one fails."""
        for running in self._running.values():
            running.end()
        for name in tuple(self._running):
            self._stop(name)

    def account(self) -> list[LedgerEntry]:
        """Acknowledged against stored effects, of all generators that have ended."""
        journals: dict[str, Journal] = {}
        for outcome in self._ended:
            for name, journal in outcome.journals.items():
                into = journals.setdefault(name, Journal())
                into.attempted |= journal.attempted
                into.acknowledged |= journal.acknowledged
                into.declined |= journal.declined
        # A like that another generator has made is declined as a repeat, and stored all the same.
        return ledger.reconcile(journals, local.audit(self.target, self.began))

    def _start(self, name: str, rates: Rates, jpeg: Path | None = None) -> threading.Event:
        """Start a generator; the event is set when its arrivals come, or when it has failed."""
        self._count += 1
        folder = self.out / f"{self._count:02}-{name}"
        folder.mkdir(parents=True)
        plan = Plan(
            _scenario(rates),
            f"d{self.began:%y%m%d%H%M%S}x{self._count}",
            f"{name}{self._count}",
            False,
            str(self._manifest_with(folder, jpeg) if jpeg else self.manifest),
            str(folder / "outcome.json"),
            str(folder / "hdr"),
        )
        started = threading.Event()
        thread = threading.Thread(
            target=self._drive, args=(name, plan, folder / "generator.log", started), daemon=True
        )  # fmt: skip
        self._running[name] = _Generator(thread)
        thread.start()
        return started

    def _stop(self, name: str) -> None:
        running = self._running.pop(name)
        running.end()
        running.thread.join(_END_S)
        if running.outcome is None:
            raise DrillError(f"the load {name} failed: {running.error or 'it does not end'}")
        self._ended.append(running.outcome)

    def _manifest_with(self, folder: Path, jpeg: Path) -> Path:
        content = json.loads(self.manifest.read_bytes())
        (folder / "manifest.json").write_text(json.dumps({**content, "jpegs": [str(jpeg)]}))
        return folder / "manifest.json"

    def _drive(self, name: str, plan: Plan, log: Path, started: threading.Event) -> None:
        running = self._running[name]

        def note(pid: int) -> None:
            running.pid = pid

        try:
            running.outcome = launcher.run(plan, self.target.url, log, note, lambda _progress: started.set())
        except launcher.GeneratorError as error:
            running.error = error
        started.set()


def _scenario(rates: Rates) -> Scenario:
    whole = reading.load(SCENARIO)
    arrivals = {name: msgspec.structs.replace(whole.arrivals[name], rate=rate) for name, rate in rates.items()}
    return msgspec.structs.replace(whole, arrivals=arrivals, warm_up_s=0.0, duration_s=_LONGEST_S)
