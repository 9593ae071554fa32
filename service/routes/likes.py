"""Liking a photo and taking it back."""

import time

from flask import Blueprint, Response

from service.domain.likes import Likes
from service.domain.users import Users
from service.routes import answers
from service.routes.answers import LikeAnswer, answer
from service.routes.messages import read_id
from service.routes.openapi import operation
from service.routes.tokens import current_session


def blueprint(likes: Likes, users: Users) -> Blueprint:
    """PUT and DELETE /photos/<id>/like.

    Neither makes its user a writer: likes are read from memcached or from a primary, never from a replica that lags.
    """
    routes = Blueprint("likes", __name__)

    @routes.put("/photos/<id>/like")
    @operation("Like a photo; 200 when it was liked before", {201: LikeAnswer, 200: LikeAnswer})
    def like(id: str) -> Response:
        session, photo_id = current_session(users), read_id(id)
        outcome = likes.like(session.user_id, photo_id, time.time())
        return answer(201 if outcome.changed else 200, answers.like(photo_id, outcome))

    @routes.delete("/photos/<id>/like")
    @operation("Take a like back", {200: LikeAnswer})
    def unlike(id: str) -> Response:
        session, photo_id = current_session(users), read_id(id)
        return answer(200, answers.like(photo_id, likes.unlike(session.user_id, photo_id)))

    return routes
