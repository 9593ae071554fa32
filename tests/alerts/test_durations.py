import re
from typing import Any

import pytest

from alerts import rules
from alerts.durations import DURATION, scale, scale_rules


@pytest.mark.parametrize(
    ("text", "factor", "scaled"),
    [
        ("rate(x[5m])", 1 / 60, "rate(x[5s])"),
        ("x:y:rate5m offset 125m > 5", 1 / 60, "x:y:rate5m offset 125s > 5"),
        ('x{le="5s",y=~"1h"}[1h]', 1 / 60, 'x{le="5s",y=~"1h"}[1m]'),
        ("30s", 1 / 60, "500ms"),
        ("1d", 2, "2d"),
        ("90s", 1 / 60, "1500ms"),
        ("14.4 > 3", 1 / 60, "14.4 > 3"),
    ],
)
def test_durations_and_nothing_else_are_scaled(text: str, factor: float, scaled: str) -> None:
    assert scale(text, factor) == scaled


def test_a_duration_below_a_millisecond_is_refused() -> None:
    with pytest.raises(ValueError, match="less than 1 ms"):
        scale("10ms", 1 / 60)


def rewrite(value: Any) -> Any:
    """The same with a word in place of each duration."""
    if isinstance(value, str):
        return DURATION.sub("DURATION", value)
    if isinstance(value, dict):
        return {key: rewrite(each) for key, each in value.items()}
    return [rewrite(each) for each in value] if isinstance(value, list) else value


def seconds(value: Any) -> list[float]:
    """Every duration of intervals, pauses and expressions, in order."""
    if isinstance(value, str):
        size = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
        return [int(number) * size[unit] for number, unit in DURATION.findall(re.sub(r'"[^"]*"', "", value))]
    if isinstance(value, dict):
        return [each for key in ("interval", "for", "expr", "rules", "groups") for each in seconds(value.get(key, ""))]
    return [each for item in value for each in seconds(item)]


def test_scaled_rules_differ_in_durations_only_and_by_one_factor() -> None:
    true = rules.document()
    scaled = scale_rules(true, 1 / 60)
    assert scaled != true
    assert rewrite(scaled) == rewrite(true)
    pairs = list(zip(seconds(true), seconds(scaled), strict=True))
    assert len(pairs) > 150
    assert {round(long / short, 9) for long, short in pairs} == {60}
