"""What is shown of a running or a finished system: the panel catalogue and what is made of it."""

from likestorm.errors import LikestormError


class DashboardsError(LikestormError):
    """A dashboard cannot be made or checked; the message says why in one line."""
