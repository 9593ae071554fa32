"""The promtool tests of the rules, one by one, each with only the rules that it depends on."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

Rule = Mapping[str, Any]
"""One rule as in the rules file."""

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@dataclass(frozen=True)
class Unit:
    """One test of a promtool file; interval: between evaluations."""

    file: str
    interval: str
    content: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its file and its own name."""
        return f"{self.file}: {self.content['name']}"

    @cached_property
    def alerts(self) -> frozenset[str]:
        """The alerts that it expects to fire or not to fire."""
        return frozenset(case["alertname"] for case in self.content.get("alert_rule_test", ()))

    @cached_property
    def asked(self) -> frozenset[str]:
        """The names in the expressions whose values it expects."""
        return frozenset(name for case in self.content.get("promql_expr_test", ()) for name in names_in(case["expr"]))

    @property
    def names(self) -> frozenset[str]:
        """The alerts and series about which it has expectations."""
        return self.alerts | self.asked

    @cached_property
    def given(self) -> frozenset[str]:
        """The names of its input series."""
        return frozenset(_NAME.match(each["series"])[0] for each in self.content["input_series"])  # type: ignore[index]

    def about(self, name: str) -> "Unit":
        """The same test, with only the expectations about one alert or one recorded series."""
        alerts = [case for case in self.content.get("alert_rule_test", ()) if case["alertname"] == name]
        asked = [case for case in self.content.get("promql_expr_test", ()) if name in names_in(case["expr"])]
        return replace(self, content={**self.content, "alert_rule_test": alerts, "promql_expr_test": asked})


def names_in(promql: str) -> set[str]:
    """Every word of an expression that can be the name of a series."""
    return set(_NAME.findall(re.sub(r'"[^"]*"', "", promql)))


def load(folder: Path) -> list[Unit]:
    """Every test of the promtool files in a folder, by file name."""
    units = []
    for file in sorted(folder.glob("*.yaml")):
        # The safe loader in C: each test process reads 9,000 nodes.
        content = yaml.load(file.read_text(), yaml.CSafeLoader)
        units += [Unit(file.name, content["evaluation_interval"], test) for test in content["tests"]]
    return units


def name_of(rule: Rule) -> str:
    """The name of an alert or of a recorded series."""
    return str(rule.get("alert") or rule["record"])


def relevant(rules: Sequence[Rule], unit: Unit) -> list[Rule]:
    """The rules on which the outcome of a test depends, in their order; without those that record its input series."""
    wanted, open_ = set[str](), set(unit.names)
    while open_:
        wanted |= open_
        expressions = (rule["expr"] for rule in rules if name_of(rule) in open_ - unit.given)
        open_ = {name for expression in expressions for name in names_in(expression)} - wanted
    return [rule for rule in rules if name_of(rule) in wanted - unit.given]


def files(unit: Unit, rules: Sequence[Rule]) -> Iterator[tuple[str, str]]:
    """The name and text of each file that promtool needs: the test and its rules."""
    group = {"name": "tested", "rules": [dict(rule) for rule in relevant(rules, unit)]}
    test = {"rule_files": ["rules.yaml"], "evaluation_interval": unit.interval, "tests": [dict(unit.content)]}
    # JSON is valid YAML, and faster to write.
    yield "rules.yaml", json.dumps({"groups": [group]})
    yield "test.yaml", json.dumps(test)
