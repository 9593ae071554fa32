"""The parts of the stack and their order of start; compose/registry.py lists them all."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from compose.layout import Layout

Stage = Literal["stores", "pool", "service", "monitoring"]
STAGES: tuple[Stage, ...] = ("stores", "pool", "service", "monitoring")

# Niceness: the load generator, at 0, comes first, so that it does not measure its own wait for a core. Background work
# comes last, so that no request waits for a thumbnail or a scrape; but see niceness() in monitoring.py.
MEASURING, SERVING, BACKGROUND = 0, 5, 15


@dataclass(frozen=True)
class Part:
    """One process of the stack; a path or a port makes its command line unique on the machine.

    user: None is the caller. is_leisurely: runs under SCHED_IDLE, which yields to other processes at once; a nice part
    finishes its time slice first. environment: added to the common one. patience_s: the time to end in good order.
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
    """The part's command line with its niceness; the process shows the command alone."""
    idle = ("chrt", "--idle", "0") if part.is_leisurely else ()
    return (*idle, "nice", "-n", str(part.niceness), *part.command)


def python(layout: Layout, part: str, *arguments: str) -> tuple[str, ...]:
    """A command line of this Python, marked with the part's folder."""
    # Python ignores unknown -X options: this one is a mark only.
    return (sys.executable, "-X", f"part={layout.folder(part)}", *arguments)


def metrics_folder(layout: Layout, instance: str) -> Path:
    """The folder of one service instance's metrics (PROMETHEUS_MULTIPROC_DIR)."""
    return layout.writable(instance) / "metrics"
