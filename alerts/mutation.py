"""Mutation testing of the rules: rules with one change each, which the tests should catch."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from alerts import AlertsError
from alerts.durations import DURATION, scale
from alerts.promtool import find_failures
from alerts.units import Rule, Unit, name_of, relevant

WANTED = 0.95

# A number outside of names, quotes and durations.
_NUMBER = re.compile(r'(?<![\w:."])\d+(?:\.\d+)?(?![\w.:"])')
_COMPARATOR = re.compile(r"(?<![=!<>~])(>=|<=|==|>|<)(?![=~])")
_OPPOSITE = {">": "<", "<": ">", ">=": "<", "<=": ">", "==": "!="}
_QUOTED = re.compile(r'"[^"]*"')
_MATCHER = re.compile(r'(=~|!~|!=|=)"([^"]*)"')
_OTHER_SEVERITY = {"critical": "warning", "warning": "critical"}


@dataclass(frozen=True)
class Mutant:
    """A changed rule, with its place among all rules; None where the rule is dropped."""

    place: int
    change: str
    rule: Rule | None

    def among(self, rules: Sequence[Rule]) -> list[Rule]:
        """All rules, with the mutant in place of the original."""
        instead = [] if self.rule is None else [self.rule]
        return [*rules[: self.place], *instead, *rules[self.place + 1 :]]


@dataclass(frozen=True)
class Outcome:
    """The number of mutants, and a line for each one that no test caught."""

    total: int
    survivors: tuple[str, ...]

    @property
    def caught(self) -> float:
        """The share of mutants that the tests caught."""
        return 1 - len(self.survivors) / self.total


def list_mutants(rules: Sequence[Rule]) -> Iterator[Mutant]:
    """Every rule dropped, and with each of its numbers, comparators, windows, matchers, labels and `for` changed."""
    for place, rule in enumerate(rules):
        yield Mutant(place, "dropped", None)
        for change, expr in _expressions(str(rule["expr"])):
            yield Mutant(place, change, {**rule, "expr": expr})
        if "for" in rule:
            for factor in (0.5, 2):
                pause = scale(rule["for"], factor)
                yield Mutant(place, f"for: {rule['for']} → {pause}", {**rule, "for": pause})
        for key, value in rule.get("labels", {}).items():
            other = _OTHER_SEVERITY.get(value, "mutant")
            yield Mutant(place, f"{key}: {value} → {other}", {**rule, "labels": {**rule["labels"], key: other}})


def _expressions(expr: str) -> Iterator[tuple[str, str]]:
    """Each change, and the changed expression."""
    # Dots replace quoted text, so that positions stay the same and nothing in quotes matches.
    code = _QUOTED.sub(lambda found: '"' + "." * (len(found[0]) - 2) + '"', expr)

    def each(pattern: re.Pattern[str], become: Callable[[str], Sequence[str]]) -> Iterator[tuple[str, str]]:
        for found in pattern.finditer(code):
            for other in become(found[0]):
                yield f"{_around(expr, found)} → {other}", expr[: found.start()] + other + expr[found.end() :]

    yield from each(DURATION, lambda text: [scale(text, 0.5), scale(text, 2)])
    yield from each(_NUMBER, _other_numbers)
    yield from each(_COMPARATOR, lambda text: [_OPPOSITE[text]])
    for found in _MATCHER.finditer(expr):
        other = f'{found[1]}"mutant"'
        yield f"{found[0]} → {other}", expr[: found.start()] + other + expr[found.end() :]


def _other_numbers(text: str) -> list[str]:
    number = float(text)
    if number in (0, 1) and "." not in text:
        return [str(1 - int(number))]
    return [f"{number * 1.5:g}", f"{number / 1.5:g}"]


def _around(expr: str, found: re.Match[str]) -> str:
    """The changed text with some text before it."""
    return " ".join(expr[max(0, found.start() - 40) : found.end()].split())


def run(rules: Sequence[Rule], tests: Sequence[Unit], say: Callable[[str], None]) -> Outcome:
    """Test every mutant; AlertsError where there are none, or where the unchanged rules fail their tests.

    A mutant first meets the tests that name its rule, which catch most of them, then those that only depend on it.
    """
    mutants = list(list_mutants(rules))
    if not mutants:
        raise AlertsError("there are no rules to mutate")
    if find_failures({unit.name: (unit, rules) for unit in tests}):
        raise AlertsError("the rules fail their tests; see `python -m alerts check`")
    alive = mutants
    for title, by_name in (("the tests that name the rule", True), ("all tests that depend on it", False)):
        alive = _survivors(alive, rules, _concerned(rules, tests, by_name=by_name))
        say(f"{len(mutants)} mutants, {len(alive)} alive after {title}")
    return Outcome(len(mutants), tuple(f"{name_of(rules[m.place])}: {m.change}" for m in alive))


def _concerned(rules: Sequence[Rule], tests: Sequence[Unit], *, by_name: bool) -> list[list[Unit]]:
    """For each rule, the tests that name it, or those that depend on it without naming it."""
    reached = {unit.name: {name_of(rule) for rule in relevant(rules, unit)} for unit in tests}
    concerned = []
    for name in map(name_of, rules):
        if by_name:
            concerned.append([unit.about(name) for unit in tests if name in unit.names])
        else:
            concerned.append([unit for unit in tests if name in reached[unit.name] - unit.names])
    return concerned


def _survivors(mutants: Sequence[Mutant], rules: Sequence[Rule], tests: Sequence[Sequence[Unit]]) -> list[Mutant]:
    cases = {
        f"{number}|{unit.name}": (unit, mutant.among(rules))
        for number, mutant in enumerate(mutants)
        for unit in tests[mutant.place]
    }
    caught = {int(case.partition("|")[0]) for case in find_failures(cases)}
    return [mutant for number, mutant in enumerate(mutants) if number not in caught]
