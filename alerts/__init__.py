"""What is recorded and what pages somebody: Prometheus rules as data."""


class AlertsError(Exception):
    """The rules cannot be made or do not hold; the message says why in one line."""
