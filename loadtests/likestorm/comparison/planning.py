"""How many blocks a comparison needs, and what so many can see: said before it begins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from likestorm.comparison import paired, pilot_data
from likestorm.comparison.outcome_measures import PAIRS_LEAST
from likestorm.comparison.pilot_data import Blocks
from likestorm.comparison.saved import CompareError
from likestorm.results import comparison
from likestorm.results.comparison import name, say_share


@dataclass(frozen=True)
class Pilot:
    """What is known of the block-to-block spread before a comparison.

    spread: standard deviation of the differences of a pair, in logarithms, of the noisiest endpoint that decides.
    tests: how many endpoints decide.
    """

    source: str
    spread: float
    tests: int


def of_comparison(path: Path) -> Pilot:
    """From a comparison that was made before; CompareError where it had no pairs."""
    found = comparison.load(path)
    deciding = [change for change in found.changes if change.primary]
    spreads = [change.spread for change in deciding if change.kind == "request" and change.spread]
    if not spreads:
        raise CompareError(f"{path}: says nothing of the spread between blocks; it has no pairs")
    return Pilot(str(path), max(spreads), len(deciding))


def of_recorded(recorded: Blocks, wanted: Sequence[str], percentile: float) -> Pilot | None:
    """From recorded blocks; None where they have none of these requests."""
    values = [recorded.values.get(name(what, percentile)) for what in wanted]
    spreads = [pilot_data.spread(each) for each in values if each]
    source = f"the recorded blocks of {recorded.duration_s:g} s ({recorded.machine})"
    return Pilot(source, max(spreads), len(wanted) + 1) if spreads else None


def choose_pairs(pilot: Pilot, allowed: float, detect: float, power: float) -> int:
    """The fewest pairs that show a slowdown of `detect` to be more than is allowed, with this power.

    CompareError where no reasonable number does.
    """
    if detect <= allowed:
        raise CompareError(f"--detect {say_share(detect)} is no more than the {say_share(allowed)} that --allow allows")
    pairs = paired.pairs_needed(pilot.spread, math.log1p(allowed), math.log1p(detect), power, pilot.tests)
    if pairs is None:
        raise CompareError(
            f"with a spread of {say_spread(pilot)} not even {paired.PAIRS_MAX} pairs show {say_share(detect)} with "
            f"{say_share(power)} power: longer blocks (--duration), a larger --detect, or a quieter machine"
        )
    return max(pairs, PAIRS_LEAST)


def say_plan(pilot: Pilot, pairs: int, allowed: float, power: float, minutes: float) -> str:
    """What so many pairs can see, and how long they take."""
    change = paired.detectable(pairs, pilot.spread, math.log1p(allowed), power, pilot.tests)
    seen = f"a slowdown of {math.expm1(change) * 100:.0f} % or more" if math.isfinite(change) else "no slowdown"
    return (
        f"{pairs} pairs, about {minutes:.0f} min: shows {seen} with {say_share(power)} power, if pairs differ by "
        f"{say_spread(pilot)} as in {pilot.source}"
    )


def say_spread(pilot: Pilot) -> str:
    """The spread as a percentage."""
    return f"{math.expm1(pilot.spread) * 100:.0f} %"
