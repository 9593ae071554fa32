"""The number of blocks that a comparison needs, and what it can detect with them, before it begins."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from likestorm.comparison import paired, pilot_data
from likestorm.comparison.outcome_measures import PAIRS_LEAST
from likestorm.comparison.pilot_data import PilotData
from likestorm.comparison.saved import CompareError
from likestorm.results import comparison
from likestorm.results.comparison import name, say_share


@dataclass(frozen=True)
class Pilot:
    """The known spread between blocks before a comparison.

    spread: standard deviation of the paired differences of logarithms, for the noisiest primary outcome measure.
    tests: the number of primary outcome measures.
    """

    source: str
    spread: float
    tests: int


def of_comparison(path: Path) -> Pilot:
    """The spread in an earlier comparison; CompareError for one without pairs."""
    found = comparison.load(path)
    deciding = [change for change in found.changes if change.primary]
    spreads = [change.spread for change in deciding if change.kind == "request" and change.spread]
    if not spreads:
        raise CompareError(f"{path}: has no pairs, and so no spread between blocks")
    return Pilot(str(path), max(spreads), len(deciding))


def of_pilot_data(recorded: PilotData, wanted: Sequence[str], percentile: float) -> Pilot | None:
    """The spread in pilot data; None without any of these requests."""
    values = [recorded.values.get(name(what, percentile)) for what in wanted]
    spreads = [pilot_data.spread(each) for each in values if each]
    source = f"the pilot data in blocks of {recorded.duration_s:g} s ({recorded.machine})"
    return Pilot(source, max(spreads), len(wanted) + 1) if spreads else None


def choose_pairs(pilot: Pilot, allowed: float, detect: float, power: float) -> int:
    """The fewest pairs that show a slowdown of `detect` to exceed the allowed one with this power; CompareError."""
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
    """What a number of pairs can detect, and how long they take, in words."""
    change = paired.detectable(pairs, pilot.spread, math.log1p(allowed), power, pilot.tests)
    seen = f"a slowdown of {math.expm1(change) * 100:.0f} % or more" if math.isfinite(change) else "no slowdown"
    return (
        f"{pairs} pairs, about {minutes:.0f} min: shows {seen} with {say_share(power)} power, if pairs differ by "
        f"{say_spread(pilot)} as in {pilot.source}"
    )


def say_spread(pilot: Pilot) -> str:
    """The spread as a percentage."""
    return f"{math.expm1(pilot.spread) * 100:.0f} %"
