"""Public profiles, and following users."""

import time

from flask import Blueprint, Response

from service.domain.follows import Follows
from service.domain.profiles import Profiles
from service.domain.users import Users
from service.routes import responses
from service.routes.auth import current_session, current_writer
from service.routes.openapi import operation
from service.routes.request_schemas import After, Before, read_id, read_position, read_query
from service.routes.responses import FollowersResponse, FollowResponse, PhotosResponse, ProfileResponse, respond


def blueprint(profiles: Profiles, follows: Follows, users: Users) -> Blueprint:
    """GET /users/<id>, its photos and followers, PUT and DELETE /users/<id>/follow."""
    routes = Blueprint("profiles", __name__)

    @routes.get("/users/<id>")
    @operation("Show a user", {200: ProfileResponse})
    def show_profile(id: str) -> Response:
        session, user_id = current_session(users), read_id(id)
        return respond(200, responses.profile(profiles.show(session, user_id)))

    @routes.get("/users/<id>/photos")
    @operation("List a user's photos, newest first", {200: PhotosResponse}, query=Before)
    def show_photos(id: str) -> Response:
        session, user_id = current_session(users), read_id(id)
        query = read_query(Before)
        page = profiles.photos(session, user_id, query.limit, read_position(query.before))
        return respond(200, responses.photos(page))

    @routes.get("/users/<id>/followers")
    @operation("List the ids of a user's followers", {200: FollowersResponse}, query=After)
    def show_followers(id: str) -> Response:
        current_session(users)
        user_id, query = read_id(id), read_query(After)
        return respond(200, responses.followers(follows.followers(user_id, query.limit, read_position(query.after))))

    @routes.put("/users/<id>/follow")
    @operation(
        "Follow a user; 200 when already followed",
        {201: FollowResponse, 200: FollowResponse},
        refusals=(400,),
    )
    def follow(id: str) -> Response:
        session, user_id = current_writer(users), read_id(id)
        new = follows.follow(session.user_id, user_id, time.time())
        return respond(201 if new else 200, FollowResponse(str(user_id), True))

    @routes.delete("/users/<id>/follow")
    @operation("Unfollow a user", {200: FollowResponse})
    def unfollow(id: str) -> Response:
        session, user_id = current_writer(users), read_id(id)
        follows.unfollow(session.user_id, user_id)
        return respond(200, FollowResponse(str(user_id), False))

    return routes
