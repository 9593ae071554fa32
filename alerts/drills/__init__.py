"""Faults done to a living stack, and whether the alerts that they call for reach a person."""


class DrillError(Exception):
    """A drill cannot be made as asked; the message says why in one line."""
