"""Our Flask and the plain one, asked the same."""

from typing import Any

import pytest
from flask import Blueprint, Flask, Response, after_this_request, request, session, url_for
from flask.signals import appcontext_tearing_down, request_tearing_down
from werkzeug.test import EnvironBuilder

from service.framework import MOST_HOSTS, Service

HOSTS = (
    "likes.test",
    "LIKES.test:80",
    "likes.test:8000",
    "127.0.0.1",
    "[::1]:80",
    "a b",
    "x:99999",
    "a..b",
    "é.test",
    "",
)


def _make(kind: type[Flask]) -> Flask:
    app = kind("sample", static_folder=None)
    routes = Blueprint("sample", __name__)

    @routes.route("/things/<path:name>", methods=["GET", "PUT"])
    def show(name: str) -> dict[str, Any]:
        return {
            "name": name, "host": request.host, "url": request.url, "query": dict(request.args),
            "there": url_for("sample.show", name=name, _external=True), "session": dict(session),
        }  # fmt: skip

    @routes.get("/folder/")
    def folder() -> str:
        return "folder"

    @routes.get("/set")
    def keep() -> str:
        session["a"] = 1
        return "kept"

    app.register_blueprint(routes)
    return app


def _told(response: Any) -> tuple[int, bytes, list[tuple[str, str]]]:
    return response.status_code, response.data, sorted(response.headers)


@pytest.mark.parametrize("host", HOSTS)
def test_answers_are_those_of_flask(host: str) -> None:
    plain, ours = _make(Flask).test_client(), _make(Service).test_client()
    for _turn in range(2):
        for path in (
            "/things/a",
            "/things/%C3%A9%ff?x=%C3%A9&y",
            "/folder",
            "/folder/?a=é",
            "/none",
            "/things//b",
            "/set",
        ):
            for method in ("GET", "PUT", "HEAD", "OPTIONS", "DELETE"):
                for headers in ({}, {"Connection": "Upgrade", "Upgrade": "websocket"}):
                    asked: dict[str, Any] = {"method": method, "headers": {"Host": host, **headers}}
                    assert _told(ours.open(path, **asked)) == _told(plain.open(path, **asked)), (path, method, headers)


@pytest.mark.parametrize("missing", ["HTTP_HOST", "PATH_INFO", "QUERY_STRING", "SCRIPT_NAME"])
def test_what_is_not_told_is_taken_as_flask_takes_it(missing: str) -> None:
    for script in ("", "/below"):
        environ = EnvironBuilder("/things/a?b=c", f"http://likes.test{script}/").get_environ()
        answers = []
        for app in (_make(Flask), _make(Service)):
            client = app.test_client()
            client.get("/things/a", base_url="http://likes.test")
            partly = {name: value for name, value in environ.items() if name != missing}
            answers.append(_told(Response.from_app(app, partly)))
        assert answers[0] == answers[1]


def test_hosts_are_not_remembered_without_end() -> None:
    app = _make(Service)
    client = app.test_client()
    for number in range(2 * MOST_HOSTS):
        host = f"h{number}.test"
        assert client.get("/things/a", headers={"Host": host}).get_json()["host"] == host
    assert isinstance(app, Service)
    assert len(app._by_host) == MOST_HOSTS


def test_hooks_are_called_once_there_are_any() -> None:
    app = _make(Service)
    called: list[str] = []

    def after(response: Response) -> Response:
        called.append("after")
        return response

    app.before_request(lambda: called.append("before"))
    app.after_request(after)
    app.teardown_request(lambda _error: called.append("teardown"))
    app.teardown_appcontext(lambda _error: called.append("left"))
    app.test_client().get("/folder/")
    assert called == ["before", "after", "teardown", "left"]


def test_signals_are_sent_and_what_a_view_asks_for_is_done() -> None:
    app = _make(Service)
    called: list[str] = []

    def done(response: Response) -> Response:
        called.append("after")
        return response

    def ended(_sender: Any, **_told: Any) -> None:
        called.append("ended")

    def left(_sender: Any, **_told: Any) -> None:
        called.append("left")

    app.add_url_rule("/once", view_func=lambda: str(after_this_request(done)))
    with request_tearing_down.connected_to(ended, app), appcontext_tearing_down.connected_to(left, app):
        app.test_client().get("/once")
    assert called == ["after", "ended", "left"]
