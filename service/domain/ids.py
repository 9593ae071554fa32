"""Ids: positive signed 64-bit integers, written as decimal digits outside of the service."""

LARGEST = 2**63 - 1


def parse(text: str) -> int | None:
    """The id that `text` spells, None when it spells none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    number = int(text)
    return number if 0 < number <= LARGEST else None
