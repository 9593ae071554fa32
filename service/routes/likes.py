"""Liking a photo and taking it back."""

from flask import Blueprint, Response

from service.domain.likes import Likes
from service.domain.users import Users
from service.routes.messages import answer, read_id
from service.routes.tokens import current_user


def blueprint(likes: Likes, users: Users) -> Blueprint:
    """PUT and DELETE /photos/<id>/like."""
    routes = Blueprint("likes", __name__)

    @routes.put("/photos/<id>/like")
    def like(id: str) -> Response:
        outcome = likes.like(current_user(users), read_id(id))
        return answer(201 if outcome.changed else 200, {"photo_id": id, "likes": outcome.likes})

    @routes.delete("/photos/<id>/like")
    def unlike(id: str) -> Response:
        outcome = likes.unlike(current_user(users), read_id(id))
        return answer(200, {"photo_id": id, "likes": outcome.likes})

    return routes
