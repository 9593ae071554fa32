"""Prometheus rules as data: what is recorded, and which alerts page a person."""


class AlertsError(Exception):
    """The rules cannot be made or fail their tests; the message says why."""
