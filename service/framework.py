"""Flask without what this service has no use for, each of which Flask would look for several times a request."""

from typing import TYPE_CHECKING, Any

from flask import Flask
from flask.globals import _cv_request
from flask.sessions import NullSession, SessionInterface
from flask.signals import appcontext_tearing_down, request_tearing_down
from flask.wrappers import Request, Response
from werkzeug.routing import MapAdapter

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

MOST_HOSTS = 64
"""How many names of this service are remembered; whoever is called by another one is looked at every time."""


Answered = tuple[str, str | None, int]
ANSWERED = "likestorm.answered"
"""In the environment of a request: its method, the rule of its URL, where one holds, and the status of its answer."""


class _NoSessions(SessionInterface):
    """Flask's signed cookies, of which there are none."""

    _nothing = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:  # noqa: ARG002
        """What holds nothing and takes nothing."""
        return self._nothing


class Service(Flask):
    """An application whose views are plain functions, and whose rules hold on every host."""

    session_interface = _NoSessions()
    notes_answers = False
    """Whether environments get ANSWERED; here, for a start_response of one's own would cost more than to note it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._by_host: dict[tuple[str, str, str], tuple[str, MapAdapter]] = {}

    def ensure_sync(self, func: Any) -> Any:
        """The function: none is a coroutine."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """What matches the URL: as Flask makes it, but each host's name is checked and encoded only once."""
        if request is None or "HTTP_HOST" not in request.environ or "HTTP_CONNECTION" in request.environ:
            return super().create_url_adapter(request)
        environ = request.environ
        key = (environ["HTTP_HOST"], environ["wsgi.url_scheme"], environ.get("SCRIPT_NAME", ""))
        known = self._by_host.get(key)
        if known is None:
            made = super().create_url_adapter(request)
            if made is not None and len(self._by_host) < MOST_HOSTS:
                self._by_host[key] = (request.host, made)
            return made
        request.host, like = known
        path, query = environ.get("PATH_INFO", "/"), environ.get("QUERY_STRING", "")
        return MapAdapter(
            self.url_map, like.server_name, like.script_name, like.subdomain, like.url_scheme,
            _decoded(path), environ["REQUEST_METHOD"], _decoded(query),
        )  # fmt: skip

    def preprocess_request(self) -> "ResponseReturnValue | None":
        """Call what is to be called before a view, if anything is."""
        if self.before_request_funcs or self.url_value_preprocessors:
            return super().preprocess_request()
        return None

    def process_response(self, response: Response) -> Response:
        """Call what is to be called after a view, if anything is."""
        context = _cv_request.get()
        if self.after_request_funcs or context._after_request_functions:
            response = super().process_response(response)
        if self.notes_answers:
            environ, rule = context.request.environ, context.request.url_rule
            environ[ANSWERED] = (environ["REQUEST_METHOD"], rule and rule.rule, response._status_code)
        return response

    def do_teardown_request(self, *error: Any) -> None:
        """Call what is to be called when a request ends, if anything is."""
        if self.teardown_request_funcs or request_tearing_down.receivers:
            super().do_teardown_request(*error)

    def do_teardown_appcontext(self, *error: Any) -> None:
        """Call what is to be called when the application is left, if anything is."""
        if self.teardown_appcontext_funcs or appcontext_tearing_down.receivers:
            super().do_teardown_appcontext(*error)


def _decoded(text: str) -> str:
    """What was sent, of which WSGI makes one character a byte."""
    return text if text.isascii() else text.encode("latin-1").decode(errors="replace")
