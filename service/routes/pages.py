"""The HTML page: log in, and see the feed with its photos and likes; no JavaScript.

The token is in a cookie that only these pages read. The API reads it from a header, so that no other site can make a
browser use it there. Both forms are accepted only from the page itself.
"""

import base64
import hashlib
import math
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from flask import Blueprint, Response, render_template, request
from markupsafe import Markup
from werkzeug.exceptions import Forbidden

from service.domain.entities import Session
from service.domain.errors import ServiceError, TooManyError, UnauthenticatedError
from service.domain.feed import Feed
from service.domain.profiles import Profiles
from service.domain.users import Users
from service.routes.auth import client_address
from service.routes.request_schemas import Before, LogIn, read_position, read_query

COOKIE = "session"
_STYLE = (Path(__file__).parent / "templates" / "page.css").read_text()


def blueprint(
    users: Users, profiles: Profiles, feed: Feed, proxy_hops: int, image_url: str, session_ttl: int
) -> Blueprint:
    """GET /, POST /login, POST /logout; images come from `image_url`, cookies last `session_ttl` seconds."""
    routes = Blueprint("pages", __name__, template_folder="templates")
    headers = _headers(image_url)

    def page(status: int = 200, **content: Any) -> Response:
        html = render_template("page.html", style=Markup(_STYLE), **content)  # noqa: S704 (our own style sheet)
        return Response(html, status, headers)

    def visitor() -> Session | None:
        try:
            return users.identify(request.cookies.get(COOKIE, ""))
        except UnauthenticatedError:
            return None

    @routes.get("/")
    def show_page() -> Response:
        session, query = visitor(), read_query(Before)
        if session is None:
            return page()
        photos = feed.page(session, query.limit, read_position(query.before))
        return page(profile=profiles.show(session, session.user_id), photos=photos.items, older=photos.next)

    @routes.post("/login")
    def log_in() -> Response:
        _refuse_other_sites()
        try:
            form = msgspec.convert(request.form.to_dict(), LogIn)
            session = users.log_in(form.username, form.password, client_address(proxy_hops))
        except msgspec.MsgspecError:
            return page(400, problem="Type your name and your password.")
        except (UnauthenticatedError, TooManyError) as error:
            return _explain(page, error)
        response = _redirect_home(headers)
        response.set_cookie(COOKIE, session.token, session_ttl, secure=_by_tls(), httponly=True, samesite="Strict")
        return response

    @routes.post("/logout")
    def log_out() -> Response:
        _refuse_other_sites()
        session = visitor()
        if session is not None:
            users.log_out(session.token)
        response = _redirect_home(headers)
        response.delete_cookie(COOKIE, secure=_by_tls(), httponly=True, samesite="Strict")
        return response

    return routes


def _explain(page: Any, error: ServiceError) -> Response:
    if isinstance(error, TooManyError):
        response: Response = page(429, problem="Too many attempts. Wait a little.")
        response.headers["Retry-After"] = str(math.ceil(error.retry_after))
        return response
    refused: Response = page(401, problem="Wrong name or password.")
    return refused


def _headers(image_url: str) -> list[tuple[str, str]]:
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    parts = urlsplit(image_url)
    policy = (
        f"default-src 'none'; img-src {parts.scheme}://{parts.netloc}; style-src 'sha256-{digest}'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Content-Security-Policy", policy),
        ("Referrer-Policy", "same-origin"),
    ]


def _redirect_home(headers: list[tuple[str, str]]) -> Response:
    return Response(status=303, headers=[*headers, ("Location", "/")])


def _refuse_other_sites() -> None:
    """Forbidden when the browser's headers say that another site's page sent the form; other clients send none."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    if site not in {"same-origin", "none"} or (origin and urlsplit(origin).netloc != request.host):
        raise Forbidden("send this form from the page itself")


def _by_tls() -> bool:
    return request.is_secure or request.headers.get("X-Forwarded-Proto") == "https"
