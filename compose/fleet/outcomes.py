"""The outcome of an action on each host."""

import io
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from fabric import Config, Connection
from rich.console import Console
from rich.table import Table
from rich.text import Text

from compose.fleet.ssh import connect, explain

MOST_AT_ONCE = 32
_COLOURS = {"done": "green", "failed": "red", "not reached": "yellow"}

Act = Callable[[Connection], str]
"""An action on one host; returns a message, and raises an exception when it fails."""


@dataclass(frozen=True)
class Outcome:
    """The outcome on one host; `said` is a message or a command's output. "not reached": the action was not tried."""

    host: str
    status: Literal["done", "failed", "not reached"]
    said: str
    seconds: float = 0.0


def act_on(host: str, act: Act, config: Config, timeout_s: float | None) -> Outcome:
    """Act on one host; an exception becomes a failed outcome."""
    began = time.monotonic()
    try:
        with connect(host, config.clone(), timeout_s) as connection:
            said = act(connection)
    except Exception as error:
        return Outcome(host, "failed", explain(error), time.monotonic() - began)
    return Outcome(host, "done", said, time.monotonic() - began)


def act_on_all(hosts: Iterable[str], act: Act, config: Config, timeout_s: float) -> list[Outcome]:
    """Act on all hosts at once; returns the outcomes in the order of the hosts."""
    with ThreadPoolExecutor(MOST_AT_ONCE) as threads:
        return list(threads.map(lambda host: act_on(host, act, config, timeout_s), hosts))


def act_in_turn(hosts: Iterable[str], act: Act, config: Config, timeout_s: float, *, go_on: bool) -> list[Outcome]:
    """Act on one host after the other; go_on: also after a failure."""
    outcomes: list[Outcome] = []
    failed = ""
    for host in hosts:
        if failed and not go_on:
            outcomes.append(Outcome(host, "not reached", f"after the failure of {failed}"))
            continue
        outcomes.append(act_on(host, act, config, timeout_s))
        failed = host if outcomes[-1].status == "failed" else failed
    return outcomes


def render(outcomes: Iterable[Outcome], width: int = 120) -> str:
    """A table with a row a host and the last line of each message."""
    table = Table(expand=False)
    for column in ("host", "outcome", "seconds", "said"):
        table.add_column(column, justify="right" if column == "seconds" else "left", overflow="fold")
    for outcome in outcomes:
        last = (outcome.said.strip().splitlines() or [""])[-1]
        status = Text(outcome.status, style=_COLOURS[outcome.status])
        table.add_row(Text(outcome.host), status, f"{outcome.seconds:.1f}", Text(last))
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        console.print(table)
    return capture.get()
