"""Comments under photos."""

import time

from flask import Blueprint, Response

from service.domain.comments import Comments
from service.domain.users import Users
from service.routes import answers
from service.routes.answers import CommentAnswer, CommentsAnswer, answer
from service.routes.messages import After, WriteComment, read, read_id, read_position, read_query
from service.routes.openapi import operation
from service.routes.tokens import current_session, current_writer


def blueprint(comments: Comments, users: Users) -> Blueprint:
    """POST and GET /photos/<id>/comments."""
    routes = Blueprint("comments", __name__)

    @routes.post("/photos/<id>/comments")
    @operation("Write a comment under a photo", {201: CommentAnswer}, body=WriteComment)
    def write_comment(id: str) -> Response:
        session, photo_id = current_writer(users), read_id(id)
        written = comments.write(session.user_id, photo_id, read(WriteComment).text, time.time())
        return answer(201, answers.comment(written))

    @routes.get("/photos/<id>/comments")
    @operation("Read a photo's comments, oldest first", {200: CommentsAnswer}, query=After)
    def show_comments(id: str) -> Response:
        session, photo_id = current_session(users), read_id(id)
        query = read_query(After)
        page = comments.page(session, photo_id, query.limit, read_position(query.after))
        return answer(200, answers.comments(page))

    return routes
