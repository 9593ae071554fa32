"""Numbers as text."""

import pytest
from likestorm.units import limit, number, quantity


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (12, "12.0"), (12.039, "12.0"), (0.0123456, "0.0123"), (999.6, "1,000"), (9.996, "10.0"),
     (123456, "123,456"), (-4.567, "-4.57"), (float("nan"), "not known")],
)  # fmt: skip
def test_three_significant_digits(value: float, said: str) -> None:
    assert number(value) == said


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [(0.0123, "s", "12.3 ms"), (12.5, "s", "12.5 s"), (0.42, "ms", "0.420 ms"), (12_345, "ms", "12.3 s"),
     (0.00404, "ratio", "0.404 %"), (0.5, "percentunit", "50.0 %"), (3.2e7, "bytes", "32.0 MB"),
     (2.5e9, "bytes", "2.50 GB"), (89.73, "/s", "89.7 /s"), (24.0, "suffix:photos/s", "24.0 photos/s"),
     (3, "short", "3.00"), (None, "ms", "not known"), (float("inf"), "ms", "not known")],
)  # fmt: skip
def test_values_have_their_unit(value: float | None, unit: str, said: str) -> None:
    assert quantity(value, unit) == said


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [(50, "ms", "50 ms"), (0.005, "ratio", "0.5 %"), (21.25, "/s", "21.25 /s"), (0.05, "s", "50 ms")],
)
def test_a_limit_keeps_its_digits(value: float, unit: str, said: str) -> None:
    assert limit(value, unit) == said
