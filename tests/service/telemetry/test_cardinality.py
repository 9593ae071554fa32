"""How many series an instance exposes does not depend on who asks it for what."""

import json
from collections import Counter
from pathlib import Path

import pytest
import urllib3

from compose.exporters.instances import Instance
from service.backends import Backends
from service.config import Config
from service.stores.redis import connect_redis
from tests.servers import Servers
from tests.service.telemetry.instances import gunicorn

MANY = 1_000
SERIES_MAX = 600
"""Of one instance that is asked this: metrics × routes, stores and operations × a dozen or two of buckets; 527 once."""
FIRST = MANY + 1
"""The number of what is asked for before anything is counted."""


class Visitors:
    """Somebody new for each request."""

    def __init__(self, url: str, stores: Backends) -> None:
        self._url = url
        self._stores = stores
        self._http = urllib3.PoolManager(retries=False)
        self.statuses: Counter[int] = Counter()

    def stray(self, number: int) -> None:
        """To a path that there is not, by a method that there is not."""
        self._ask("GET", f"/unknown/{number}?page={number}")
        self._ask(f"METHOD{number}", f"/users/{number}")

    def live(self, number: int) -> None:
        """Sign up, look at oneself and at a photo of one's own, and like it."""
        name = f"cardinality-{number}"
        made = self._ask("POST", "/users", json.dumps({"username": name, "password": "12345678"}))
        user, header = int(made["id"]), {"Authorization": f"Bearer {made['token']}"}
        photo = self._stores.photos.next_photo_id(user)
        assert self._stores.photos.insert_photo(photo, user, f"photos/{user}/{photo}.jpg", "")
        for method, path in (("GET", f"/users/{user}"), ("GET", f"/photos/{photo}"), ("PUT", f"/photos/{photo}/like")):
            self._ask(method, path, headers=header)
        self._ask("GET", f"/photos/{number}", headers=header)

    def _ask(self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None) -> dict[str, str]:
        told = {"Content-Type": "application/json", **(headers or {})}
        answer = self._http.request(method, f"{self._url}{path}", body=body or None, headers=told)
        self.statuses[answer.status] += 1
        content: dict[str, str] = answer.json()
        return content


def series(metrics: Path) -> list[str]:
    """Every series that the instance's collector serves, without its value."""
    lines = Instance("tests", "tests", metrics).expose().decode().splitlines()
    return sorted(line.rpartition(" ")[0] for line in lines if not line.startswith("#"))


@pytest.mark.long
def test_a_thousand_paths_users_and_photos_add_no_series(
    servers: Servers, config: Config, stores: Backends, tmp_path: Path
) -> None:
    # Who is told by many is told once: a push that an earlier test left would be the first visitor's.
    client = connect_redis(servers.redis_url, 10.0)
    client.flushdb()
    client.close()
    metrics = tmp_path / "metrics"
    settings = {"LIKESTORM_LOADTEST_NETWORKS": "127.0.0.0/8"}
    with gunicorn(servers, metrics, 1, settings) as (url, _):
        visitors = Visitors(url, stores)
        visitors.stray(FIRST)
        visitors.live(FIRST)
        before = series(metrics)
        for number in range(MANY):
            visitors.stray(number)
            visitors.live(number)
        after = series(metrics)
    assert visitors.statuses == {201: 2 * (MANY + 1), 200: 2 * (MANY + 1), 404: 2 * (MANY + 1), 405: MANY + 1}
    assert set(after) - set(before) == set()
    assert 200 < len(after) <= SERIES_MAX
    assert len(set(after)) == len(after)
