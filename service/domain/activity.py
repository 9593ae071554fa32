"""Activity: the events that a user is notified of."""

from math import inf

from service.domain.entities import Event
from service.domain.pages import Page, cut
from service.domain.ports import ActivityStore


class Activity:
    """Reads what happened page by page."""

    def __init__(self, activity: ActivityStore) -> None:
        self._activity = activity

    def page(self, user_id: int, limit: int, before: float | None) -> Page[Event, float]:
        """Events from before the moment `before`, newest first."""
        found = self._activity.read_events(user_id, inf if before is None else before, limit + 1)
        return cut(found, limit, lambda event: event.at)
