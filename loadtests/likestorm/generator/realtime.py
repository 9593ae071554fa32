"""Real-time scheduling for the generator's process."""

from __future__ import annotations

import os


def enable() -> bool:
    """Schedule this process before ordinary ones; returns False where the user lacks the permission.

    On a machine that the generator shares with its target, waiting for a core is most of the dispatch lag. Real-time
    scheduling changes when the generator runs, not how much CPU time it uses, and the CPU check still applies.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except PermissionError:
        return False
    return True
