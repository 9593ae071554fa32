"""The parts of the stack: what a part is, and in which order they start; compose/registry.py knows them all."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from compose.layout import Layout

Stage = Literal["stores", "pool", "service", "monitoring"]
STAGES: tuple[Stage, ...] = ("stores", "pool", "service", "monitoring")

# The load generator, at 0, comes first: what it measures must not be its own wait for a core. What nobody waits for
# comes last, so that no request is kept waiting by a thumbnail or a scrape; but see monitoring.py's niceness().
MEASURING, SERVING, BACKGROUND = 0, 5, 15


@dataclass(frozen=True)
class Part:
    """One process of the stack; its command line is unlike any other on the machine, by a path or a port in it.

    user: as whom it runs, None is whoever starts the stack. niceness: how far it stands back when CPU is short.
    is_leisurely: it gives way to everybody at once (SCHED_IDLE); a nice part still has the slice of time that it began.
    environment: on top of the service's, which all get. patience_s: how long it may take to end in good order.
    """

    name: str
    stage: Stage
    command: tuple[str, ...]
    user: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    niceness: int = SERVING
    is_leisurely: bool = False
    patience_s: int = 5


def launcher(part: Part) -> tuple[str, ...]:
    """The part's command line behind what sets its precedence; the process itself shows the command alone."""
    idle = ("chrt", "--idle", "0") if part.is_leisurely else ()
    return (*idle, "nice", "-n", str(part.niceness), *part.command)


def python(layout: Layout, part: str, *arguments: str) -> tuple[str, ...]:
    """A command line of this Python, marked with the part that it is."""
    # -X sets nothing here; it is Python's own way to carry a mark on a command line.
    return (sys.executable, "-X", f"part={layout.folder(part)}", *arguments)


def metrics_folder(layout: Layout, instance: str) -> Path:
    """Where one service instance keeps its metrics (PROMETHEUS_MULTIPROC_DIR)."""
    return layout.writable(instance) / "metrics"
