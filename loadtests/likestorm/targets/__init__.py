"""Targets of a run: a service at a URL, or a system that a class of the user's project starts."""

import msgspec

from likestorm.errors import UsageError
from likestorm.scenario import Scenario
from likestorm.scenario.target_class import TargetClassError, load_class
from likestorm.targets.base import Target
from likestorm.targets.external import External


def of(scenario: Scenario) -> Target:
    """The target of a scenario; UsageError for an unusable class or settings."""
    target = scenario.target
    if not target.python:
        return External(target)
    try:
        found = load_class(target.python)
        made: Target = found(msgspec.convert(target.settings, found.Settings), scenario.seed)
    except (TargetClassError, msgspec.ValidationError) as error:
        raise UsageError(f"[target] {error}") from error
    return made
