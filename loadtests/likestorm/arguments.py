"""Argument types of the command line; argparse names a function in its message: "invalid share value: …"."""


def positive(text: str) -> float:
    """A number above 0."""
    return _within(float(text), above=0.0)


def change(text: str) -> float:
    """A change of 0 or more, such as 0.2 or 20%."""
    return _within(float(text.removesuffix("%")) / (100 if text.endswith("%") else 1))


def share(text: str) -> float:
    """A share from 0 to below 1, such as 0.05 or 5%."""
    return _within(change(text), below=1.0)


def count(text: str) -> int:
    """A whole number above 0."""
    return int(_within(int(text), above=0))


def count_or_none(text: str) -> int:
    """A whole number from 0."""
    return int(_within(int(text)))


def _within(number: float, above: float = -1.0, below: float = float("inf")) -> float:
    """A number that is not negative and lies between two bounds; ValueError."""
    if not (number >= 0 and above < number < below):
        raise ValueError
    return number


positive.__name__ = "positive number"
count_or_none.__name__ = "whole number"
