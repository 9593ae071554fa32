"""Signing up, logging in, logging out."""

from flask import Blueprint, Response

from service.domain.users import Users
from service.routes.messages import LogIn, SignUp, answer, read
from service.routes.tokens import bearer_token


def blueprint(users: Users) -> Blueprint:
    """POST /users, POST /sessions, DELETE /sessions."""
    routes = Blueprint("users", __name__)

    @routes.post("/users")
    def sign_up() -> Response:
        body = read(SignUp)
        session = users.sign_up(body.username, body.password)
        return answer(201, {"id": str(session.user_id), "username": body.username, "token": session.token})

    @routes.post("/sessions")
    def log_in() -> Response:
        body = read(LogIn)
        session = users.log_in(body.username, body.password)
        return answer(201, {"user_id": str(session.user_id), "token": session.token})

    @routes.delete("/sessions")
    def log_out() -> Response:
        users.log_out(bearer_token())
        return Response(status=204)

    return routes
