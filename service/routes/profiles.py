"""Users as others see them, and following them."""

import time

from flask import Blueprint, Response

from service.domain.follows import Follows
from service.domain.profiles import Profiles
from service.domain.users import Users
from service.routes import answers
from service.routes.answers import FollowAnswer, FollowersAnswer, PhotosAnswer, ProfileAnswer, answer
from service.routes.messages import After, Before, read_id, read_position, read_query
from service.routes.openapi import operation
from service.routes.tokens import current_session, current_writer


def blueprint(profiles: Profiles, follows: Follows, users: Users) -> Blueprint:
    """GET /users/<id>, its photos and followers, PUT and DELETE /users/<id>/follow."""
    routes = Blueprint("profiles", __name__)

    @routes.get("/users/<id>")
    @operation("Look at a user", {200: ProfileAnswer})
    def show_profile(id: str) -> Response:
        session, user_id = current_session(users), read_id(id)
        return answer(200, answers.profile(profiles.show(session, user_id)))

    @routes.get("/users/<id>/photos")
    @operation("Look at a user's photos, newest first", {200: PhotosAnswer}, query=Before)
    def show_photos(id: str) -> Response:
        session, user_id = current_session(users), read_id(id)
        query = read_query(Before)
        page = profiles.photos(session, user_id, query.limit, read_position(query.before))
        return answer(200, answers.photos(page))

    @routes.get("/users/<id>/followers")
    @operation("List a user's followers by their ids", {200: FollowersAnswer}, query=After)
    def show_followers(id: str) -> Response:
        current_session(users)
        user_id, query = read_id(id), read_query(After)
        return answer(200, answers.followers(follows.followers(user_id, query.limit, read_position(query.after))))

    @routes.put("/users/<id>/follow")
    @operation(
        "Follow a user; 200 when he was followed before",
        {201: FollowAnswer, 200: FollowAnswer},
        refusals=(400,),
    )
    def follow(id: str) -> Response:
        session, user_id = current_writer(users), read_id(id)
        new = follows.follow(session.user_id, user_id, time.time())
        return answer(201 if new else 200, FollowAnswer(str(user_id), True))

    @routes.delete("/users/<id>/follow")
    @operation("Follow a user no more", {200: FollowAnswer})
    def unfollow(id: str) -> Response:
        session, user_id = current_writer(users), read_id(id)
        follows.unfollow(session.user_id, user_id)
        return answer(200, FollowAnswer(str(user_id), False))

    return routes
