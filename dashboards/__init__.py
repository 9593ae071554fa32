"""Dashboards of the reference stack: the panel catalogue, its Grafana files, and its pages without Grafana."""

from likestorm.errors import LikestormError


class DashboardsError(LikestormError):
    """A dashboard cannot be made or shown; the message is one line."""
