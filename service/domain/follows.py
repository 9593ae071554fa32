"""Following: whose photos a user has in his feed."""

from contextlib import suppress

from service.domain.entities import Event
from service.domain.errors import MalformedError, NotFoundError, UnavailableError
from service.domain.pages import Page, cut
from service.domain.ports import FeedCache, FollowStore, Notifications


class Follows:
    """Following and unfollowing; both may be repeated without effect.

    The follower's feed is dropped also when nothing changed, because an earlier request that did change it may have
    died before it dropped the feed.
    """

    def __init__(self, follows: FollowStore, feeds: FeedCache, notifications: Notifications) -> None:
        self._follows = follows
        self._feeds = feeds
        self._notifications = notifications

    def follow(self, user_id: int, followee_id: int, now: float) -> bool:
        """Whether this is new; NotFoundError when there is no such user, MalformedError when it is oneself."""
        if user_id == followee_id:
            raise MalformedError("nobody follows himself")
        new = self._follows.add_follow(user_id, followee_id)
        if new is None:
            raise NotFoundError("no such user")
        self._feeds.drop_feed(user_id)
        if new:
            # The edge is stored, and only that was promised; the store's metric counts a lost notification.
            with suppress(UnavailableError):
                self._notifications.notify(Event("follow", user_id, None, now), followee_id)
        return new

    def unfollow(self, user_id: int, followee_id: int) -> bool:
        """Whether he was followed."""
        removed = self._follows.remove_follow(user_id, followee_id)
        self._feeds.drop_feed(user_id)
        return removed

    def followers(self, user_id: int, limit: int, after: int | None) -> Page[int, int]:
        """The ids of a user's followers above `after`, lowest first."""
        found = self._follows.followers(user_id, after or 0, limit + 1)
        return cut(found, limit, lambda follower_id: follower_id)
