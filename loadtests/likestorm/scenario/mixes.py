"""Mixes: a [mix.NAME] table of a scenario file stands for several [arrivals.NAME] that share one rate."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta, Struct

from likestorm.scenario.checking import Problem, check, say, suggest
from likestorm.scenario.content import is_number, table
from likestorm.scenario.load_rules import check_schedule
from likestorm.scenario.toml_lines import Path
from likestorm.scenario.workload import ArrivalPlan

Share = Annotated[float, Meta(gt=0, le=1)]
Steps = Annotated[list[str], Meta(min_length=1)]

RATES = ("rate", "from_rate", "burst_rate", "rates")
"""The keys of a schedule in arrivals a second."""


class Mix(Struct, frozen=True, forbid_unknown_fields=True):
    """Each arrival's share of the rate, and its requests; by default one request with the arrival's name."""

    shares: Annotated[dict[str, Share], Meta(min_length=1)]
    steps: dict[str, Steps] = {}


@dataclass(frozen=True)
class Expanded:
    """A file's content with arrivals in place of mixes, and the place in the file of each such arrival."""

    content: Mapping[str, Any]
    origins: Mapping[str, Path]


def expand(content: Mapping[str, Any]) -> Expanded:
    """Replace a file's mixes by arrivals; malformed mixes, which check_mixes reports, are left out."""
    arrivals = dict(table(content.get("arrivals")))
    origins: dict[str, Path] = {}
    for mix, plan in table(content.get("mix")).items():
        shares, steps = table(table(plan).get("shares")), table(table(plan).get("steps"))
        for name, share in shares.items():
            if name not in arrivals and is_number(share):
                arrivals[name] = _scaled(_schedule(plan), share) | {"steps": steps.get(name, [name])}
                origins[name] = ("mix", mix, "shares", name)
    rest = {key: value for key, value in content.items() if key != "mix"}
    return Expanded(rest | ({"arrivals": arrivals} if arrivals else {}), origins)


def check_mixes(content: Mapping[str, Any]) -> Iterator[Problem]:
    """The problems of a file's mixes."""
    if not isinstance(content.get("mix", {}), dict):
        yield Problem(("mix",), "mix must be tables, [mix.NAME]")
    taken: dict[str, Path] = dict.fromkeys(table(content.get("arrivals")), ("arrivals",))
    for name, plan in table(content.get("mix")).items():
        path: Path = ("mix", name)
        if not isinstance(plan, dict):
            yield Problem(path, f"{say(path)} must be a table")
            continue
        yield from check({key: plan[key] for key in Mix.__struct_fields__ if key in plan}, Mix, path)
        yield from check(_schedule(plan), ArrivalPlan, path)
        yield from check_schedule(_schedule(plan), path)
        yield from _check_shares(table(plan.get("shares")), table(plan.get("steps")), path)
        for arrival in table(plan.get("shares")):
            if arrival in taken:
                yield Problem((*path, "shares", arrival), f"{arrival!r} is in {say(taken[arrival])} already")
            taken.setdefault(arrival, path)


def _check_shares(shares: Mapping[str, Any], steps: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    if shares and all(map(is_number, shares.values())) and not math.isclose(sum(shares.values()), 1, abs_tol=1e-9):
        yield Problem((*path, "shares"), f"{say((*path, 'shares'))} must add up to 1, not to {sum(shares.values()):g}")
    for name in steps:
        if name not in shares:
            advice = suggest(name, shares, "there are")
            yield Problem(
                (*path, "steps", name), f"{say((*path, 'steps', name))}: no share is called {name!r}; {advice}"
            )


def _schedule(plan: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in plan.items() if key not in Mix.__struct_fields__}


def _scaled(schedule: Mapping[str, Any], share: float) -> dict[str, Any]:
    return {key: _times(value, share) if key in RATES else value for key, value in schedule.items()}


def _times(value: Any, share: float) -> Any:
    if isinstance(value, list):
        return [_times(each, share) for each in value]
    return value * share if is_number(value) else value
