"""What a run drives: a service at a URL, or what a class of the user's project brings up."""

from __future__ import annotations

import msgspec

from likestorm.errors import UsageError
from likestorm.scenario import Scenario
from likestorm.scenario.target_class import TargetClassError, load_class
from likestorm.targets.base import Target
from likestorm.targets.external import External


def of(scenario: Scenario) -> Target:
    """The target of a scenario; UsageError where its class or its settings are not usable."""
    target = scenario.target
    if not target.python:
        return External(target)
    try:
        found = load_class(target.python)
        made: Target = found(msgspec.convert(target.settings, found.Settings), scenario.seed)
    except (TargetClassError, msgspec.ValidationError) as error:
        raise UsageError(f"[target] {error}") from error
    return made
