"""What Locust loads in the swarm's process: one user that runs the plan named in the environment."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import msgspec

from loadtests.arrivals import Arrivals
from loadtests.plan import PLAN_VARIABLE, PROGRESS_VARIABLE, Plan

_plan = msgspec.json.decode(Path(os.environ[PLAN_VARIABLE]).read_bytes(), type=Plan)
_module, _, _name = _plan.scenario.users.partition(":")


class Swarm(Arrivals):
    """The plan's arrivals on the scenario's user class."""

    plan = _plan
    users = getattr(importlib.import_module(_module), _name)
    progress_fd = int(os.environ[PROGRESS_VARIABLE])
