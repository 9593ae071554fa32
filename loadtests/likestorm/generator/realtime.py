"""Which process the kernel runs first."""

from __future__ import annotations

import os


def go_first() -> bool:
    """Ask the kernel to run this process before all others; False where this user may not.

    On a machine that the generator shares with its target, waiting for a core is most of the dispatch lag. What it
    takes from the target is what it uses anyway, some tenths of a core, and its own CPU check still applies.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except PermissionError:
        return False
    return True
