"""The current user's feed, photos by tag, and the user's activity."""

from flask import Blueprint, Response

from service.domain.activity import Activity
from service.domain.feed import Feed
from service.domain.tags import Tags
from service.domain.users import Users
from service.routes import responses
from service.routes.auth import current_session
from service.routes.openapi import operation
from service.routes.request_schemas import Before, BeforeMoment, read_position, read_query
from service.routes.responses import ActivityResponse, PhotosResponse, respond


def blueprint(feed: Feed, tags: Tags, activity: Activity, users: Users) -> Blueprint:
    """GET /feed, GET /tags/<tag>/photos, GET /activity."""
    routes = Blueprint("feed", __name__)

    @routes.get("/feed")
    @operation("Read the photos of followed users, newest first", {200: PhotosResponse}, query=Before)
    def show_feed() -> Response:
        session, query = current_session(users), read_query(Before)
        return respond(200, responses.photos(feed.page(session, query.limit, read_position(query.before))))

    @routes.get("/tags/<tag>/photos")
    @operation("List the photos under a tag, newest first", {200: PhotosResponse}, query=Before)
    def show_tagged(tag: str) -> Response:
        session, query = current_session(users), read_query(Before)
        return respond(200, responses.photos(tags.page(session, tag, query.limit, read_position(query.before))))

    @routes.get("/activity")
    @operation("List events that concern the current user, newest first", {200: ActivityResponse}, query=BeforeMoment)
    def show_activity() -> Response:
        session, query = current_session(users), read_query(BeforeMoment)
        before = float(query.before) if query.before else None
        return respond(200, responses.activity(activity.page(session.user_id, query.limit, before)))

    return routes
