"""Dashboards in a Grafana, over its HTTP API: folder, data source and dashboards, all of them or none."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from grafana_api.grafana_api import GrafanaException, GrafanaUnauthorizedError
from grafana_api.grafana_face import GrafanaFace

from likestorm.errors import LikestormError

TAG = "likestorm"
TIMEOUT_S = 10.0
ADDED_BY_GRAFANA = ("id", "version")
"""Keys that Grafana adds to a dashboard that it stores."""

Json = dict[str, Any]


class GrafanaError(LikestormError):
    """Grafana does not answer, refuses a request, or is another server; the message is one line."""


class Grafana:
    """A Grafana by its URL and a token of a service account; every method raises GrafanaError."""

    def __init__(self, url: str, token: str) -> None:
        try:
            address = urlsplit(url)
            is_whole = address.scheme in ("http", "https") and bool(address.hostname)
        except ValueError:
            is_whole = False
        if not is_whole:
            raise GrafanaError(f"{url!r} is not the URL of a Grafana (GRAFANA_URL), such as https://grafana.example")
        if not token:
            raise GrafanaError("GRAFANA_TOKEN is empty: set it to a service account's token with the role Admin")
        host = address.netloc.rpartition("@")[2]
        prefix = f"{address.path.strip('/')}/".lstrip("/")
        self.url = f"{address.scheme}://{host}{address.path.rstrip('/')}"
        face = GrafanaFace(token, host=host, url_path_prefix=prefix, protocol=address.scheme, timeout=TIMEOUT_S)
        self._api = face.api
        # A redirected POST would become a GET, which writes nothing.
        self._api.s.max_redirects = 0

    def read(self, path: str) -> Json | None:
        """The object at a path of the API; None where there is none."""
        return self._ask("GET", path)

    def write(self, method: str, path: str, body: Mapping[str, object] | None = None) -> None:
        """Create, change or delete an object."""
        if self._ask(method, path, body) is None:
            raise GrafanaError(f"{self.url}: {method} {path} gives 404")

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Json | None:
        asked = f"{method} {path}"
        try:
            return dict(getattr(self._api, method)(path, json=body))
        except GrafanaUnauthorizedError as error:
            raise GrafanaError(f"{self.url}: Grafana does not accept the token (GRAFANA_TOKEN)") from error
        except GrafanaException as error:
            if error.status_code == requests.codes.not_found:
                return None
            message = " ".join(str(error.message).split())[:200]
            raise GrafanaError(f"{self.url}: {asked} gives {error.status_code}: {message}") from error
        except requests.TooManyRedirects as error:
            raise GrafanaError(f"{self.url} redirects to another address: use that one as GRAFANA_URL") from error
        except (requests.JSONDecodeError, ValueError, TypeError) as error:
            raise GrafanaError(f"{self.url}: the response to {asked} is not Grafana's") from error
        except requests.RequestException as error:
            raise GrafanaError(f"{self.url}: no response ({type(error).__name__})") from error


@dataclass(frozen=True)
class Resource:
    """A folder, data source or dashboard that Grafana should have.

    path: where the API reads and deletes it. write: stores content of the form of `wanted`; the flag says whether the
    resource exists. content: makes this form of the API's answer.
    """

    name: str
    path: str
    wanted: Json
    write: Callable[[Json, bool], None]
    content: Callable[[Json], Json] = dict

    def read(self, grafana: Grafana) -> Json | None:
        """What Grafana has; None where it has nothing."""
        found = grafana.read(self.path)
        return None if found is None else self.content(found)


def push(grafana: Grafana, prometheus_url: str, interval_s: int, generated: Path) -> list[str]:
    """Write folder, data source and dashboards where they differ, and return the names of those that were written.

    prometheus_url: as Grafana reaches it. interval_s: between scrapes. Everything is read before the first write; when
    a write fails, the earlier writes are undone. Raises GrafanaError.
    """
    health = grafana.read("/health") or {}
    if health.get("database") != "ok":
        raise GrafanaError(f"{grafana.url}: Grafana is not healthy: {json.dumps(health)[:200]}")
    if grafana.read("/org") is None:
        raise GrafanaError(f"{grafana.url}: GET /org gives 404")
    resources = [_folder(grafana), _datasource(grafana, prometheus_url, interval_s)]
    resources += [_dashboard(grafana, json.loads(file.read_text())) for file in sorted(generated.glob("*.json"))]
    found = [(resource, resource.read(grafana)) for resource in resources]
    changes = [(resource, old) for resource, old in found if old is None or not resource.wanted.items() <= old.items()]
    for number, (resource, old) in enumerate(changes):
        try:
            resource.write(resource.wanted, old is not None)
        except GrafanaError as error:
            # A write without a response may have happened.
            raise GrafanaError(f"{error}; {_undo(grafana, changes[: number + 1])}") from error
    return [resource.name for resource, _ in changes]


def _undo(grafana: Grafana, changes: Sequence[tuple[Resource, Json | None]]) -> str:
    """Restore the old content, newest change first; returns a sentence on what could not be restored."""
    left = []
    for resource, old in reversed(changes):
        try:
            now = resource.read(grafana)
            if now != old and old is not None:
                resource.write(old, now is not None)
            elif now != old:
                grafana.write("DELETE", resource.path)
        except GrafanaError:
            left.append(resource.name)
    return f"could not be undone: {', '.join(reversed(left))}" if left else "nothing was changed"


def _folder(grafana: Grafana) -> Resource:
    path = f"/folders/{TAG}"

    def write(content: Json, exists: bool) -> None:
        if exists:
            grafana.write("PUT", path, {"title": content["title"], "overwrite": True})
        else:
            grafana.write("POST", "/folders", content)

    return Resource("folder", path, {"uid": TAG, "title": "Likestorm"}, write)


def _datasource(grafana: Grafana, prometheus_url: str, interval_s: int) -> Resource:
    wanted: Json = {
        "uid": f"{TAG}-prometheus",
        "name": "Likestorm",
        "type": "prometheus",
        "access": "proxy",
        "url": prometheus_url,
        "jsonData": {"httpMethod": "POST", "timeInterval": f"{interval_s}s"},
    }
    path = f"/datasources/uid/{wanted['uid']}"

    def content(found: Json) -> Json:
        if found.get("readOnly") and not wanted.items() <= found.items():
            raise GrafanaError(
                f"{grafana.url}: a provisioning file there has the data source {wanted['uid']}: change it"
            )
        return found

    def write(content: Json, exists: bool) -> None:
        grafana.write("PUT" if exists else "POST", path if exists else "/datasources", content)

    return Resource("data source", path, wanted, write, content)


def _dashboard(grafana: Grafana, model: Json) -> Resource:
    name = f"dashboard {model['uid']}"

    def content(found: Json) -> Json:
        if found["meta"].get("provisioned"):
            raise GrafanaError(
                f"{grafana.url}: a provisioning file there has the {name}: change it, or remove it first"
            )
        stored = {key: value for key, value in found["dashboard"].items() if key not in ADDED_BY_GRAFANA}
        return {"dashboard": stored, "folderUid": found["meta"].get("folderUid", "")}

    def write(content: Json, _exists: bool) -> None:
        grafana.write("POST", "/dashboards/db", {**content, "overwrite": True, "message": "python -m dashboards push"})

    wanted = {"dashboard": model, "folderUid": TAG}
    return Resource(name, f"/dashboards/uid/{model['uid']}", wanted, write, content)


def mark_run(grafana: Grafana, scenario: str, verdict: str, started: datetime, ended: datetime) -> None:
    """Annotate every dashboard with a finished load test, as a region from start to end."""
    grafana.write(
        "POST",
        "/annotations",
        {
            "time": round(started.timestamp() * 1e3),
            "timeEnd": round(ended.timestamp() * 1e3),
            "tags": [TAG, "run", scenario, verdict],
            "text": f"{scenario}: {verdict}",
        },
    )
