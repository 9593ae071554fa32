"""The load that lost workers would have offered, computed from the seed."""

from collections import Counter
from collections.abc import Collection

from likestorm.scenario import Scenario
from likestorm.scenario.schedule import Part, arrivals, part_of


def lost_arrivals(scenario: Scenario, duration_s: float, lost: Collection[int], of: int) -> dict[str, tuple[int, int]]:
    """By name, the arrivals in the window (or the closed users) of the lost parts, and of all parts.

    lost: indices of the lost parts out of `of` parts. duration_s: the length of the window.
    """
    start = scenario.warm_up_s
    due = [each for each in arrivals(scenario.courses(), scenario.seed) if start <= each.due < start + duration_s]
    whole = Counter(each.name for each in due)
    gone = Counter(each.name for index in lost for each in part_of(due, index, of))
    found = {name: (gone[name], whole[name]) for name in scenario.arrivals}
    for name, plan in scenario.closed.items():
        found[name] = (sum(Part(index, of).share(plan.users) for index in lost), plan.users)
    return found
