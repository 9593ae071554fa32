"""The feed of the user who asks."""

from flask import Blueprint, Response, request

from service.domain import ids
from service.domain.errors import MalformedError
from service.domain.feed import LONGEST_PAGE, Feed
from service.domain.users import Users
from service.routes.messages import answer, photo
from service.routes.tokens import current_user

DEFAULT_PAGE = 20


def blueprint(feed: Feed, users: Users) -> Blueprint:
    """GET /feed?limit=&before=."""
    routes = Blueprint("feed", __name__)

    @routes.get("/feed")
    def show_feed() -> Response:
        user_id = current_user(users)
        before = request.args.get("before")
        page = feed.page(user_id, _limit(), None if before is None else _position(before))
        return answer(
            200,
            {
                "photos": [photo(view) for view in page.photos],
                "next": None if page.next is None else str(page.next),
            },
        )

    return routes


def _limit() -> int:
    text = request.args.get("limit", str(DEFAULT_PAGE))
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 0 < int(text) <= LONGEST_PAGE):
        raise MalformedError(f"limit must be a number between 1 and {LONGEST_PAGE}")
    return int(text)


def _position(text: str) -> int:
    position = ids.parse(text)
    if position is None:
        raise MalformedError("before must be the id of a photo")
    return position
