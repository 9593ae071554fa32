"""Which alerts fired for which fault: pure, from the messages that a person got."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import asdict, dataclass, field
from typing import Any

from alerts import slo
from alerts.drills.webhook import Notice

SLOW = frozenset(alert.name for alert in slo.ALERTS if alert.name.endswith(("1d", "3d")))
"""Alerts with windows of days, which remember earlier faults; promtool tests cover them."""


@dataclass(frozen=True)
class Cell:
    """One alert that a fault must raise: seconds from the fault's begin to the first message, and from its end to the
    resolved message; None without that message.
    """

    alert: str
    fired_s: float | None
    resolved_s: float | None


@dataclass(frozen=True)
class Row:
    """The outcome of one fault; others: alerts that should not have fired; echoes: symptoms that fired.

    ailments: parts that did not work after it, one line each.
    """

    fault: str
    cells: tuple[Cell, ...]
    others: tuple[str, ...] = ()
    echoes: tuple[str, ...] = ()
    ailments: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Every alert fired and was resolved, no other alert fired, and the stack is well."""
        came = all(cell.fired_s is not None and cell.resolved_s is not None for cell in self.cells)
        return came and not self.others and not self.ailments


@dataclass(frozen=True)
class Result:
    """All outcomes; calm_s: the time without a fault, calm_alerts: the alerts that fired in it.

    ledger: lost and phantom effects. skipped: faults that were not made, with the reason.
    """

    rows: tuple[Row, ...]
    calm_s: float
    calm_alerts: tuple[str, ...]
    ledger: tuple[str, ...] = ()
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Every alert fired for its fault, none fired in the calm, and no effect was lost."""
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
    """The outcome of a fault between two moments; `notices` until no alert was open any more."""
    notices = [notice for notice in notices if notice.at >= began]
    firing = {notice.name for notice in notices if notice.is_firing}
    cells = tuple(Cell(name, _first(notices, name, began, ended), _last(notices, name, ended)) for name in wanted)
    unwanted = firing - set(wanted) - SLOW
    return Row(
        fault, cells, tuple(sorted(unwanted - allowed)), tuple(sorted(unwanted & allowed)), tuple(ailments)
    )  # fmt: skip


def _first(notices: Iterable[Notice], name: str, began: float, ended: float) -> float | None:
    """Seconds to the alert's first message; a message after the fault's end comes too late."""
    times = [notice.at - began for notice in notices if notice.name == name and notice.is_firing and notice.at <= ended]
    return round(min(times), 1) if times else None


def _last(notices: Iterable[Notice], name: str, since: float) -> float | None:
    """Seconds to the message that resolves the alert's last instance; None when an instance stays open."""
    latest = [notice for notice in _latest(notices) if notice.name == name]
    if not latest or any(notice.is_firing for notice in latest):
        return None
    return round(max(notice.at for notice in latest) - since, 1)


def _latest(notices: Iterable[Notice]) -> list[Notice]:
    """The last message of each instance of each alert."""
    return list({str(sorted(notice.labels.items())): notice for notice in notices}.values())


def open_alerts(notices: Iterable[Notice]) -> set[str]:
    """The alerts whose last message says that they fire."""
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
    lines += [f"Not made: {fault}, {why}." for fault, why in result.skipped.items()]
    return "\n".join(lines) + "\n"


def describe(row: Row) -> list[str]:
    """The outcome of one fault, a line for each alert and ailment."""
    return [
        *(f"{cell.alert}: fired after {cell.fired_s} s, resolved after {cell.resolved_s} s" for cell in row.cells),
        *(f"{name} should not have fired" for name in row.others),
        *(f"not well: {ailment}" for ailment in row.ailments),
    ]


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f}"
