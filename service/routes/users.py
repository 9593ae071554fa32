"""Signing up, logging in, logging out."""

from flask import Blueprint, Response

from service.domain.users import Users
from service.routes.auth import bearer_token, client_address
from service.routes.openapi import operation
from service.routes.request_schemas import LogIn, SignUp, read
from service.routes.responses import LoggedIn, SignedUp, respond, respond_empty


def blueprint(users: Users, proxy_hops: int) -> Blueprint:
    """POST /users, POST /sessions, DELETE /sessions."""
    routes = Blueprint("users", __name__)

    @routes.post("/users")
    @operation("Sign up", {201: SignedUp}, body=SignUp, refusals=(409, 429), public=True)
    def sign_up() -> Response:
        body = read(SignUp)
        session = users.sign_up(body.username, body.password, client_address(proxy_hops))
        return respond(201, SignedUp(str(session.user_id), body.username, session.token))

    @routes.post("/sessions")
    @operation("Log in", {201: LoggedIn}, body=LogIn, refusals=(401, 429), public=True)
    def log_in() -> Response:
        body = read(LogIn)
        session = users.log_in(body.username, body.password, client_address(proxy_hops))
        return respond(201, LoggedIn(str(session.user_id), session.token))

    @routes.delete("/sessions")
    @operation("Log out", {204: None})
    def log_out() -> Response:
        users.log_out(bearer_token())
        return respond_empty()

    return routes
