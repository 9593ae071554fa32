"""Argument types of the command line; argparse names a function in its message: "invalid share value: …"."""


def positive(text: str) -> float:
    """A number above 0."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


def change(text: str) -> float:
    """A change of 0 or more, such as 0.2 or 20%."""
    number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    if not 0 <= number < float("inf"):
        raise ValueError
    return number


def share(text: str) -> float:
    """A share from 0 to below 1, such as 0.05 or 5%."""
    number = change(text)
    if number >= 1:
        raise ValueError
    return number


def count(text: str) -> int:
    """A whole number above 0."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def count_or_none(text: str) -> int:
    """A whole number from 0."""
    number = int(text)
    if number < 0:
        raise ValueError
    return number


positive.__name__ = "positive number"
count_or_none.__name__ = "whole number"
