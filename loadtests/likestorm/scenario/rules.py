"""Rules between the parts of a scenario file, such as names that must exist."""

from collections.abc import Collection, Iterator, Mapping
from itertools import chain
from typing import Any

from msgspec.structs import fields

from likestorm.scenario import Budgets, Scenario
from likestorm.scenario.checking import Problem, say, suggest
from likestorm.scenario.content import is_number, table, tables, texts
from likestorm.scenario.load_rules import is_own
from likestorm.scenario.objectives import Objectives
from likestorm.scenario.toml_lines import Path

NAMED = ("rates", "percentiles", "errors", "promql", "slopes")
"""Lists of budgets with names."""

DEFAULTS: Mapping[str, Any] = {each.name: each.default for kind in (Scenario, Budgets) for each in fields(kind)}
"""The default values of keys."""
PATIENCE = ("queue_timeout_s", "drain_s")
"""Timeouts of a run: slower arrivals are dropped or left unfinished."""


def check_rules(content: Mapping[str, Any], known: Objectives) -> Iterator[Problem]:
    """Problems between the parts of a file, which may have other problems as well."""
    plans = [*tables(content, "arrivals"), *tables(content, "closed")]
    requests = {step for _, plan in plans for _, step in texts(plan.get("steps"))}
    yield from _check_objectives(content, known)
    # The requests of the user's own locustfile are not known before it runs; a budget on none is inconclusive.
    if not is_own(content):
        yield from _check_requests(content, known, requests)
    yield from _check_arrivals(content, {str(path[-1]) for path, _ in plans})
    yield from _check_names(content)
    yield from _check_patience(content)
    yield from _check_promql(content)
    yield from _check_abort(content)
    yield from _check_capacity(content)
    yield from _check_presence(content)


def _check_objectives(content: Mapping[str, Any], known: Objectives) -> Iterator[Problem]:
    for kind, names in (("objectives", known.routes), ("chains", known.chains)):
        for index, name in texts(table(content.get("budgets")).get(kind)):
            if name not in names:
                advice = suggest(name, names, "there are")
                word = kind.removesuffix("s")
                yield Problem(("budgets", kind, index), f"the target has no {word} {name!r}; {advice}")


def _check_requests(content: Mapping[str, Any], known: Objectives, requests: Collection[str]) -> Iterator[Problem]:
    for index, name in texts(table(content.get("budgets")).get("objectives")):
        if name in known.routes and name not in requests:
            advice = suggest(name, requests, "there are")
            path: Path = ("budgets", "objectives", index)
            yield Problem(path, f"objective {name!r}: no arrival makes that request; {advice}")
    for path, budget in chain(*(tables(content, "budgets", kind) for kind in NAMED)):
        request = budget.get("request")
        if isinstance(request, str) and request not in requests:
            yield Problem(
                (*path, "request"),
                f"budget {_name(path, budget)}: no arrival makes the request {request!r}; "
                f"{suggest(request, requests, 'there are')}",
            )


def _check_arrivals(content: Mapping[str, Any], names: Collection[str]) -> Iterator[Problem]:
    for path, budget in chain(*(tables(content, "budgets", kind) for kind in NAMED)):
        name = budget.get("arrivals")
        if isinstance(name, str) and name not in names:
            advice = suggest(name, names, "there are")
            yield Problem((*path, "arrivals"), f"budget {_name(path, budget)}: no arrival is called {name!r}; {advice}")


def _check_names(content: Mapping[str, Any]) -> Iterator[Problem]:
    seen: set[str] = set()
    for path, budget in chain(*(tables(content, "budgets", kind) for kind in NAMED)):
        name = budget.get("name")
        if isinstance(name, str) and name in seen:
            yield Problem((*path, "name"), f"two budgets are called {name!r}")
        seen.add(str(name))


def _check_patience(content: Mapping[str, Any]) -> Iterator[Problem]:
    """Each timeout exceeds every latency budget; otherwise arrivals within their budget would be censored."""
    waits = {key: content.get(key, DEFAULTS[key]) for key in PATIENCE}
    shortest = min((each for each in waits.values() if is_number(each)), default=float("inf"))
    for path, budget in tables(content, "budgets", "percentiles"):
        seconds = budget.get("seconds")
        if isinstance(seconds, int | float) and seconds >= shortest:
            said = " and ".join(f"{key} ({value:g})" for key, value in waits.items() if is_number(value))
            yield Problem(
                (*path, "seconds"),
                f"budget {_name(path, budget)}: {said} must be longer than every budget, so than {seconds:g} s",
            )


def _check_promql(content: Mapping[str, Any]) -> Iterator[Problem]:
    for path, budget in tables(content, "budgets", "promql"):
        if ("at_most" in budget) == ("at_least" in budget):
            yield Problem(path, f"budget {_name(path, budget)} needs either at_most or at_least")
    for path, budget in tables(content, "budgets", "slopes"):
        if ("promql" in budget) == ("arrivals" in budget):
            yield Problem(path, f"budget {_name(path, budget)} needs either promql or arrivals")
    target = content.get("target")
    if isinstance(target, dict) and not target.get("python") and "prometheus" not in target:
        for path, budget in chain(tables(content, "budgets", "promql"), tables(content, "budgets", "slopes")):
            if "promql" in budget:
                yield Problem((*path, "promql"), f"budget {_name(path, budget)} needs the target's prometheus")
        if target.get("counters"):
            yield Problem(("target", "counters"), "target.counters need the target's prometheus")


def _check_abort(content: Mapping[str, Any]) -> Iterator[Problem]:
    budgets = table(content.get("budgets"))
    short, long = (budgets.get(key, DEFAULTS[key]) for key in ("abort_short_s", "abort_long_s"))
    if is_number(short) and is_number(long) and short >= long:
        path: Path = ("budgets", "abort_short_s" if "abort_short_s" in budgets else "abort_long_s")
        yield Problem(path, "budgets.abort_short_s must be shorter than budgets.abort_long_s")


def _check_capacity(content: Mapping[str, Any]) -> Iterator[Problem]:
    """A search raises one rate, so the schedule must have a single rate."""
    name, arrivals = table(content.get("capacity")).get("arrivals"), table(content.get("arrivals"))
    if not isinstance(name, str):
        return
    path: Path = ("capacity", "arrivals")
    if name not in arrivals:
        yield Problem(path, f"capacity: no arrival is called {name!r}; {suggest(name, arrivals, 'there are')}")
    elif table(arrivals[name]).get("schedule") not in ("poisson", "constant"):
        yield Problem(path, f"capacity: the schedule of {name!r} must be poisson or constant, to be searched")


def _check_presence(content: Mapping[str, Any]) -> Iterator[Problem]:
    budgets = content.get("budgets", {})
    if isinstance(budgets, dict) and not any(budgets.get(kind) for kind in ("objectives", "chains", *NAMED)):
        yield Problem(("budgets",), "no budget at all: such a run could only pass")


def _name(path: Path, budget: Mapping[str, Any]) -> str:
    name = budget.get("name")
    return repr(name) if isinstance(name, str) else say(path)
