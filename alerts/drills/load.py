"""Traffic during the drills, and the account of what it was promised."""

import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
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
# Ended by hand; no drill takes so long.
_LONGEST_S = 3 * 3600.0
_END_S = 60.0

BACKGROUND: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {"people": {"like": 36.0, "signup": 0.4}, "uploads": {"upload": 10.0}}
)
"""Arrivals a second by swarm, 40 % of the scenario's; two, so that uploads can stop alone."""


@dataclass
class _Swarm:
    """One generator that runs."""

    thread: threading.Thread
    pid: int = 0
    outcome: Outcome | None = None
    error: Exception | None = None

    def tell_to_end(self) -> None:
        """Ask it to end in good order, once; it may have ended."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, END_SIGNAL)


@dataclass
class Load:
    """Every swarm that drives a stack, by name; out: where their files go."""

    target: Target
    manifest: Path
    out: Path
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    _running: dict[str, _Swarm] = field(default_factory=dict)
    _ended: list[Outcome] = field(default_factory=list)
    _count: int = 0

    def start(self, name: str, rates: Mapping[str, float], jpeg: Path | None = None) -> None:
        """Begin these arrivals a second; jpeg: what is uploaded, in place of the seeded pictures."""
        self._begin(name, rates, jpeg).wait(_END_S)

    def start_background(self, share: float) -> None:
        """Begin what goes on all the time, this share of it."""
        begun = [
            self._begin(name, {arrival: share * rate for arrival, rate in rates.items()})
            for name, rates in BACKGROUND.items()
        ]
        for started in begun:
            started.wait(_END_S)

    def _begin(self, name: str, rates: Mapping[str, float], jpeg: Path | None = None) -> threading.Event:
        """What is set as soon as the arrivals come, or never will."""
        self._count += 1
        folder = self.out / f"{self._count:02}-{name}"
        folder.mkdir(parents=True)
        plan = Plan(
            self._scenario(rates),
            f"d{self.began:%y%m%d%H%M%S}x{self._count}",
            f"{name}{self._count}",
            False,
            str(self._pictures(folder, jpeg) if jpeg else self.manifest),
            str(folder / "generator.json"),
            str(folder / "hdr"),
        )
        started = threading.Event()
        thread = threading.Thread(target=self._drive, args=(name, plan, folder / "generator.log", started), daemon=True)
        self._running[name] = _Swarm(thread)
        thread.start()
        return started

    def stop(self, name: str) -> None:
        """End one swarm in good order, and keep its journals; DrillError when it fails."""
        running = self._running.pop(name)
        running.tell_to_end()
        self._await_end(name, running)

    def stop_all(self) -> None:
        """End what still runs."""
        left, self._running = self._running, {}
        for running in left.values():
            running.tell_to_end()
        for name, running in left.items():
            self._await_end(name, running)

    def _await_end(self, name: str, running: _Swarm) -> None:
        running.thread.join(_END_S)
        if running.outcome is None:
            raise DrillError(f"the load {name} failed: {running.error or 'it does not end'}")
        self._ended.append(running.outcome)

    def account(self) -> list[LedgerEntry]:
        """What was acknowledged against what is stored, of all swarms that have ended."""
        journals: dict[str, Journal] = {}
        for outcome in self._ended:
            for name, journal in outcome.journals.items():
                into = journals.setdefault(name, Journal())
                into.attempted |= journal.attempted
                into.acknowledged |= journal.acknowledged
                into.declined |= journal.declined
        # A like that another swarm had acknowledged is declined as a repeat, and stored all the same.
        return ledger.reconcile(journals, local.audit(self.target, self.began))

    def _scenario(self, rates: Mapping[str, float]) -> Scenario:
        whole = reading.load(SCENARIO)
        arrivals = {name: msgspec.structs.replace(whole.arrivals[name], rate=rate) for name, rate in rates.items()}
        return msgspec.structs.replace(whole, arrivals=arrivals, warm_up_s=0.0, duration_s=_LONGEST_S)

    def _pictures(self, folder: Path, jpeg: Path) -> Path:
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
