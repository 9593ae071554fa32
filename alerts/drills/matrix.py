"""Which alerts fired for which fault: pure, from what a person was told."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import asdict, dataclass, field
from typing import Any

from alerts import slo
from alerts.drills.webhook import Notice

SLOW = frozenset(alert.name for alert in slo.ALERTS if alert.name.endswith(("1d", "3d")))
"""Windows of days, which remember what happened before; the promtool tests are about them."""


@dataclass(frozen=True)
class Cell:
    """One alert that a fault calls for; seconds from the fault's begin to the message, and from its end to the other.

    None: it did not come.
    """

    alert: str
    fired_s: float | None
    resolved_s: float | None


@dataclass(frozen=True)
class Row:
    """What came of one fault; others: alerts that should not have fired; echoes: symptoms that it may well have.

    ailments: what was wrong with the stack after it.
    """

    fault: str
    cells: tuple[Cell, ...]
    others: tuple[str, ...] = ()
    echoes: tuple[str, ...] = ()
    ailments: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Every alert came and went, nothing else did, and the stack is well."""
        came = all(cell.fired_s is not None and cell.resolved_s is not None for cell in self.cells)
        return came and not self.others and not self.ailments


@dataclass(frozen=True)
class Result:
    """The whole of it; calm_s: how long nothing was done to the stack, and calm_alerts: what fired all the same.

    ledger: what was lost or is phantom. skipped: faults that were not done, and why.
    """

    rows: tuple[Row, ...]
    calm_s: float
    calm_alerts: tuple[str, ...]
    ledger: tuple[str, ...] = ()
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Every alert fired for its fault and none in the calm, and nothing was lost."""
        return all(row.is_good for row in self.rows) and not self.calm_alerts and not self.ledger

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return {"good": self.is_good, **asdict(self)}


def judge(
    fault: str,
    wanted: Sequence[str],
    allowed: Set[str],
    notices: Iterable[Notice],
    began: float,
    ended: float,
    ailments: Sequence[str] = (),
) -> Row:
    """What a fault between two moments brought about; `notices` up to the moment at which all was calm again."""
    notices = [notice for notice in notices if notice.at >= began]
    firing = {notice.name for notice in notices if notice.is_firing}
    cells = tuple(Cell(name, _first(notices, name, began, ended), _last(notices, name, ended)) for name in wanted)
    unwanted = firing - set(wanted) - SLOW
    return Row(
        fault, cells, tuple(sorted(unwanted - allowed)), tuple(sorted(unwanted & allowed)), tuple(ailments)
    )  # fmt: skip


def _first(notices: Iterable[Notice], name: str, began: float, ended: float) -> float | None:
    """When it was first told of; what is told only after the fault has ended is of no use to who is to end it."""
    times = [notice.at - began for notice in notices if notice.name == name and notice.is_firing and notice.at <= ended]
    return round(min(times), 1) if times else None


def _last(notices: Iterable[Notice], name: str, since: float) -> float | None:
    """When its last instance was told to be over; None where one never was."""
    latest = [notice for notice in _latest(notices) if notice.name == name]
    if not latest or any(notice.is_firing for notice in latest):
        return None
    return round(max(notice.at for notice in latest) - since, 1)


def _latest(notices: Iterable[Notice]) -> list[Notice]:
    """What was last told of each instance of each alert."""
    return list({str(sorted(notice.labels.items())): notice for notice in notices}.values())


def open_alerts(notices: Iterable[Notice]) -> set[str]:
    """The alerts of which nobody was told yet that they are over."""
    return {notice.name for notice in _latest(notices) if notice.is_firing}


def markdown(result: Result) -> str:
    """The matrix for people."""
    lines = [
        "# Drills",
        "",
        f"{'Good' if result.is_good else 'NOT GOOD'}: {len(result.rows)} faults, {result.calm_s:.0f} s of calm.",
        "",
        "| fault | alert | fired after, s | resolved after, s | should not have fired | symptoms |",
        "| --- | --- | ---: | ---: | --- | --- |",
    ]
    for row in result.rows:
        for place, cell in enumerate(row.cells):
            names, others, echoes = (
                (row.fault, ", ".join(row.others), ", ".join(row.echoes)) if not place else ("",) * 3
            )
            lines.append(f"| {names} | {cell.alert} | {_seconds(cell.fired_s)} | {_seconds(cell.resolved_s)} "
                         f"| {others} | {echoes} |")  # fmt: skip
        lines += [f"| | not well afterwards: {ailment} | | | | |" for ailment in row.ailments]
    lines += ["", f"In the calm: {', '.join(result.calm_alerts) or 'no alert'}."]
    lines += [f"Ledger: {', '.join(result.ledger) or 'nothing lost, nothing phantom'}."]
    lines += [f"Not done: {fault}, {why}." for fault, why in result.skipped.items()]
    return "\n".join(lines) + "\n"


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f}"
