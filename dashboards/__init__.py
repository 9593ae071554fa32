"""What is shown of a running or a finished system: the panel catalogue and what is made of it."""


class DashboardsError(Exception):
    """A dashboard cannot be made or checked; the message says why in one line."""
