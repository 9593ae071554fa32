"""Rules with one thing wrong each, and whether the tests notice."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from alerts import AlertsError
from alerts.durations import DURATION, scale
from alerts.promtool import find_failures
from alerts.units import Rule, Unit, name_of, relevant

WANTED = 0.95

# A number that is neither in a name, nor in quotes or brackets, nor a duration.
_NUMBER = re.compile(r'(?<![\w:."])\d+(?:\.\d+)?(?![\w.:"])')
_COMPARATOR = re.compile(r"(?<![=!<>~])(>=|<=|==|>|<)(?![=~])")
_OPPOSITE = {">": "<", "<": ">", ">=": "<", "<=": ">", "==": "!="}
_QUOTED = re.compile(r'"[^"]*"')
_MATCHER = re.compile(r'(=~|!~|!=|=)"([^"]*)"')
_OTHER_SEVERITY = {"critical": "warning", "warning": "critical"}


@dataclass(frozen=True)
class Mutant:
    """One rule, by its place among all, and what has become of it; None where it was dropped."""

    place: int
    change: str
    rule: Rule | None

    def among(self, rules: Sequence[Rule]) -> list[Rule]:
        """All rules, with this one in the place of the true one."""
        instead = [] if self.rule is None else [self.rule]
        return [*rules[: self.place], *instead, *rules[self.place + 1 :]]


@dataclass(frozen=True)
class Outcome:
    """How many mutants there were, and those that no test noticed, as a person reads them."""

    total: int
    survivors: tuple[str, ...]

    @property
    def caught(self) -> float:
        """The share that was noticed."""
        return 1 - len(self.survivors) / self.total


def list_mutants(rules: Sequence[Rule]) -> Iterator[Mutant]:
    """Every rule dropped, and each of its numbers, comparators, windows, matchers, labels and its `for` changed."""
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
    """What is changed, and the expression then."""
    # Positions stay what they are, and nothing within quotes is taken for code.
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
    """The changed thing with a little of what is before it."""
    return " ".join(expr[max(0, found.start() - 40) : found.end()].split())


def run(rules: Sequence[Rule], tests: Sequence[Unit], say: Callable[[str], None]) -> Outcome:
    """Try every mutant; AlertsError where there is none, or where the rules fail their tests before any is made."""
    mutants = list(list_mutants(rules))
    if not mutants:
        raise AlertsError("there is nothing to mutate")
    if find_failures({unit.name: (unit, rules) for unit in tests}):
        raise AlertsError("the rules do not hold as they are; see `python -m alerts check`")
    alive = mutants
    for title, reach in (("the tests that name it", _named), ("all that depend on it", _dependent)):
        concerned = reach(rules, tests)
        alive = _survivors(alive, rules, concerned)
        say(f"{len(mutants)} mutants, {len(alive)} alive after {title}")
    return Outcome(len(mutants), tuple(f"{name_of(rules[m.place])}: {m.change}" for m in alive))


def _named(rules: Sequence[Rule], tests: Sequence[Unit]) -> Mapping[int, list[Unit]]:
    """By a rule's place the tests that ask for it by name."""
    return {
        place: [unit.about(name_of(rule)) for unit in tests if name_of(rule) in unit.alerts | unit.asked]
        for place, rule in enumerate(rules)
    }


def _dependent(rules: Sequence[Rule], tests: Sequence[Unit]) -> Mapping[int, list[Unit]]:
    """By a rule's place the tests whose outcome depends on it without their asking for it by name."""
    reached = {unit.name: {id(rule) for rule in relevant(rules, unit)} for unit in tests}
    return {
        place: [
            unit for unit in tests if id(rule) in reached[unit.name] and name_of(rule) not in unit.alerts | unit.asked
        ]
        for place, rule in enumerate(rules)
    }


def _survivors(mutants: Sequence[Mutant], rules: Sequence[Rule], tests: Mapping[int, list[Unit]]) -> list[Mutant]:
    cases = {
        f"{number}|{unit.name}": (unit, mutant.among(rules))
        for number, mutant in enumerate(mutants)
        for unit in tests[mutant.place]
    }
    caught = {int(case.partition("|")[0]) for case in find_failures(cases)}
    return [mutant for number, mutant in enumerate(mutants) if number not in caught]
