"""Comments under photos."""

import time

from flask import Blueprint, Response

from service.domain.comments import Comments
from service.domain.users import Users
from service.routes import responses
from service.routes.auth import current_session, current_writer
from service.routes.openapi import operation
from service.routes.request_schemas import After, WriteComment, read, read_id, read_position, read_query
from service.routes.responses import CommentResponse, CommentsResponse, respond


def blueprint(comments: Comments, users: Users) -> Blueprint:
    """POST and GET /photos/<id>/comments."""
    routes = Blueprint("comments", __name__)

    @routes.post("/photos/<id>/comments")
    @operation("Write a comment under a photo", {201: CommentResponse}, body=WriteComment)
    def write_comment(id: str) -> Response:
        session, photo_id = current_writer(users), read_id(id)
        written = comments.write(session.user_id, photo_id, read(WriteComment).text, time.time())
        return respond(201, responses.comment(written))

    @routes.get("/photos/<id>/comments")
    @operation("Read a photo's comments, oldest first", {200: CommentsResponse}, query=After)
    def show_comments(id: str) -> Response:
        session, photo_id = current_session(users), read_id(id)
        query = read_query(After)
        page = comments.page(session, photo_id, query.limit, read_position(query.after))
        return respond(200, responses.comments(page))

    return routes
