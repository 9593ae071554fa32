"""Liking and unliking a photo."""

import time

from flask import Blueprint, Response

from service.domain.likes import Likes
from service.domain.users import Users
from service.routes import responses
from service.routes.auth import current_session
from service.routes.openapi import operation
from service.routes.request_schemas import read_id
from service.routes.responses import LikeResponse, respond


def blueprint(likes: Likes, users: Users) -> Blueprint:
    """PUT and DELETE /photos/<id>/like.

    Neither marks the session as a writer's: likes are read from memcached or a primary, never from a lagging replica.
    """
    routes = Blueprint("likes", __name__)

    @routes.put("/photos/<id>/like")
    @operation("Like a photo; 200 when it was liked before", {201: LikeResponse, 200: LikeResponse})
    def like(id: str) -> Response:
        session, photo_id = current_session(users), read_id(id)
        outcome = likes.like(session.user_id, photo_id, time.time())
        return respond(201 if outcome.changed else 200, responses.like(photo_id, outcome))

    @routes.delete("/photos/<id>/like")
    @operation("Unlike a photo", {200: LikeResponse})
    def unlike(id: str) -> Response:
        session, photo_id = current_session(users), read_id(id)
        return respond(200, responses.like(photo_id, likes.unlike(session.user_id, photo_id)))

    return routes
