"""What lost workers would have offered, worked out anew from the seed, as the judge sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from likestorm.scenario import Scenario
from likestorm.scenario.schedule import Part, arrivals, part_of


def missing(scenario: Scenario, duration_s: float, lost: Collection[int], of: int) -> dict[str, tuple[int, int]]:
    """By name: how many of a schedule's arrivals in the window, or of closed users, were of these parts, and of all.

    lost: indices of parts, of which there are `of`. duration_s: how long the window was.
    """
    start = scenario.warm_up_s
    due = [each for each in arrivals(scenario.courses(), scenario.seed) if start <= each.due < start + duration_s]
    whole = Counter(each.name for each in due)
    gone = Counter(each.name for index in lost for each in part_of(due, index, of))
    users = {name: plan.users for name, plan in scenario.closed.items()}
    without = {name: sum(Part(index, of).share(total) for index in lost) for name, total in users.items()}
    return {name: (gone[name], whole[name]) for name in scenario.arrivals} | {
        name: (without[name], total) for name, total in users.items()
    }
