"""Drills: faults of a running stack, and whether their alerts reach a person."""


class DrillError(Exception):
    """A drill cannot be made; the message is one line that says why."""
