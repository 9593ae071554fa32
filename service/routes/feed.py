"""What the user who asks is shown: his feed, photos by tag, and what happened to him."""

from flask import Blueprint, Response

from service.domain.activity import Activity
from service.domain.feed import Feed
from service.domain.tags import Tags
from service.domain.users import Users
from service.routes import answers
from service.routes.answers import ActivityAnswer, PhotosAnswer, answer
from service.routes.messages import Before, BeforeMoment, read_position, read_query
from service.routes.openapi import operation
from service.routes.tokens import current_session


def blueprint(feed: Feed, tags: Tags, activity: Activity, users: Users) -> Blueprint:
    """GET /feed, GET /tags/<tag>/photos, GET /activity."""
    routes = Blueprint("feed", __name__)

    @routes.get("/feed")
    @operation("Read the photos of those whom one follows, newest first", {200: PhotosAnswer}, query=Before)
    def show_feed() -> Response:
        session, query = current_session(users), read_query(Before)
        return answer(200, answers.photos(feed.page(session, query.limit, read_position(query.before))))

    @routes.get("/tags/<tag>/photos")
    @operation("Look at the photos under a tag, newest first", {200: PhotosAnswer}, query=Before)
    def show_tagged(tag: str) -> Response:
        session, query = current_session(users), read_query(Before)
        return answer(200, answers.photos(tags.page(session, tag, query.limit, read_position(query.before))))

    @routes.get("/activity")
    @operation("Read what one is told of, newest first", {200: ActivityAnswer}, query=BeforeMoment)
    def show_activity() -> Response:
        session, query = current_session(users), read_query(BeforeMoment)
        before = float(query.before) if query.before else None
        return answer(200, answers.activity(activity.page(session.user_id, query.limit, before)))

    return routes
