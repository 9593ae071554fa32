"""The tests of the rules, one by one, each with no more rules than it is about."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

Rule = Mapping[str, Any]
"""One rule as the rules file has it."""

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@dataclass(frozen=True)
class Unit:
    """One test of a promtool file; interval: of the evaluation."""

    file: str
    interval: str
    content: Mapping[str, Any]

    @property
    def name(self) -> str:
        """By which a person finds it."""
        return f"{self.file}: {self.content['name']}"

    @cached_property
    def alerts(self) -> frozenset[str]:
        """The alerts of which it says whether they fire."""
        return frozenset(case["alertname"] for case in self.content.get("alert_rule_test", ()))

    @cached_property
    def asked(self) -> frozenset[str]:
        """The names in the expressions of which it says what they give."""
        return frozenset(name for case in self.content.get("promql_expr_test", ()) for name in names_in(case["expr"]))

    @cached_property
    def given(self) -> frozenset[str]:
        """The series that it makes up."""
        return frozenset(_NAME.match(each["series"])[0] for each in self.content["input_series"])  # type: ignore[index]

    def about(self, name: str) -> "Unit":
        """The same test, saying only what it says of this alert or of what is recorded under this name."""
        alerts = [case for case in self.content.get("alert_rule_test", ()) if case["alertname"] == name]
        asked = [case for case in self.content.get("promql_expr_test", ()) if name in names_in(case["expr"])]
        return replace(self, content={**self.content, "alert_rule_test": alerts, "promql_expr_test": asked})


def names_in(promql: str) -> set[str]:
    """Every word of an expression that may be the name of a series."""
    return set(_NAME.findall(re.sub(r'"[^"]*"', "", promql)))


def load(folder: Path) -> list[Unit]:
    """Every test of the promtool files in a folder."""
    units = []
    for file in sorted(folder.glob("*.yaml")):
        # The safe one too, but in C: there are 9,000 nodes, and each process of the tests reads them.
        content = yaml.load(file.read_text(), yaml.CSafeLoader)
        units += [Unit(file.name, content["evaluation_interval"], test) for test in content["tests"]]
    return units


def name_of(rule: Rule) -> str:
    """Of an alert or of what is recorded."""
    return str(rule.get("alert") or rule["record"])


def relevant(rules: Sequence[Rule], unit: Unit) -> list[Rule]:
    """The rules that a test's outcome can depend on, in their order.

    What a test makes up itself it does not have recorded: it says what holds given that.
    """
    wanted, open_ = set[str](), set(unit.alerts | unit.asked)
    while open_:
        wanted |= open_
        expressions = (rule["expr"] for rule in rules if name_of(rule) in open_ - unit.given)
        open_ = {name for expression in expressions for name in names_in(expression)} - wanted
    return [rule for rule in rules if name_of(rule) in wanted - unit.given]


def files(unit: Unit, rules: Sequence[Rule]) -> Iterator[tuple[str, str]]:
    """The name and text of each file that promtool needs: the test, and its rules beside it."""
    group = {"name": "tested", "rules": [dict(rule) for rule in relevant(rules, unit)]}
    test = {"rule_files": ["rules.yaml"], "evaluation_interval": unit.interval, "tests": [dict(unit.content)]}
    # JSON is YAML, and quicker to write.
    yield "rules.yaml", json.dumps({"groups": [group]})
    yield "test.yaml", json.dumps(test)
