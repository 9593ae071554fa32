import pytest

from service.domain import ids


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("0042", 42), (str(2**63 - 1), 2**63 - 1)])
def test_digits_are_ids(text: str, number: int) -> None:
    assert ids.parse(text) == number


@pytest.mark.parametrize("text", ["", "0", "-1", "+1", "1.0", "1 ", "١", "²", "x", "\0", str(2**63), "9" * 5000])
def test_everything_else_is_none(text: str) -> None:
    assert ids.parse(text) is None
