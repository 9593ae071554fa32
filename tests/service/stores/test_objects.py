"""Links and requests against a real object store that verifies signatures."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import urllib3

from service.backends import bucket
from service.config import Config
from service.domain.errors import UnavailableError
from service.stores.objects import Links, Objects
from tests.servers import free_port, wait_until
from tests.service.conftest import CDN_URL

NOW = datetime(2026, 1, 1, tzinfo=UTC)
_keys = count(1)


@pytest.fixture
def objects(config: Config) -> Iterator[Objects]:
    objects = Objects(bucket(config, config.s3_endpoint), 5.0)
    yield objects
    objects.close()


@pytest.fixture
def links(config: Config) -> Links:
    return Links(bucket(config, config.s3_endpoint), 600, CDN_URL)


@pytest.fixture
def key() -> str:
    return f"photos/tests/{next(_keys)}.jpg"


def put(url: str, body: bytes, content_type: str = "image/jpeg") -> int:
    headers = {"Content-Type": content_type}
    return urllib3.request("PUT", url, body=body, headers=headers, retries=False).status


def test_an_upload_link_takes_what_it_was_made_for(links: Links, objects: Objects, key: str) -> None:
    link = links.upload(key, "image/jpeg", 4, NOW)
    assert link.headers == {"Content-Type": "image/jpeg", "Content-Length": "4"}
    assert link.expires_at == NOW + timedelta(minutes=10)
    assert not objects.object_exists(key)
    assert put(link.url, b"body") == 200
    assert objects.object_exists(key)
    assert objects.get_object(key) == b"body"


def test_a_view_is_made_of_the_key_alone(links: Links) -> None:
    assert links.view("photos/1/2.jpg") == f"{CDN_URL}/photos/1/2.jpg"
    assert links.view("seed/a b?c#d.jpg") == f"{CDN_URL}/seed/a%20b%3Fc%23d.jpg"


def test_an_upload_link_takes_nothing_else(links: Links, objects: Objects, key: str) -> None:
    url = links.upload(key, "image/jpeg", 4, NOW).url
    assert put(url, b"a longer body") == 403
    assert put(url, b"sho") == 403
    assert put(url, b"body", "text/html") == 403
    assert put(url.replace(key, "photos/tests/another.jpg"), b"body") == 403
    assert put(url.replace("X-Amz-Expires=600", "X-Amz-Expires=6000"), b"body") == 403
    assert put(url[:-1] + ("0" if url[-1] != "0" else "1"), b"body") == 403
    assert put(url.split("?")[0], b"body") == 403
    assert not objects.object_exists(key)


def test_a_forged_or_expired_link_is_refused(config: Config, key: str) -> None:
    forger = replace(bucket(config, config.s3_endpoint), secret_key="guessed")
    assert put(Links(forger, 600, CDN_URL).upload(key, "image/jpeg", 4, NOW).url, b"body") == 403
    brief = Links(bucket(config, config.s3_endpoint), 1, CDN_URL).upload(key, "image/jpeg", 4, NOW).url
    wait_until(lambda: put(brief, b"body") == 403, what="the link's expiry")


def test_listing_follows_the_pages_in_order(objects: Objects) -> None:
    wanted = sorted(f"listed/{folder}/{number}.jpg" for folder in (1, 10, 2) for number in range(1, 12))
    before = datetime.now(UTC).replace(microsecond=0)
    for name in reversed(wanted):
        objects.put_object(name, b"x" * 5, "image/jpeg")
    found = objects.list_objects("listed/", page_size=4)
    assert [entry.key for entry in found] == wanted
    assert {entry.size for entry in found} == {5}
    assert all(before <= entry.last_modified <= datetime.now(UTC) for entry in found)
    objects.delete_objects([*wanted, "listed/never-there.jpg"])
    assert objects.list_objects("listed/") == []


def test_what_is_not_there_is_none(objects: Objects) -> None:
    assert objects.get_object("photos/nothing.jpg") is None
    objects.ping()


def test_no_server_and_no_bucket_are_unavailable(config: Config) -> None:
    nowhere = Objects(bucket(config, f"http://127.0.0.1:{free_port()}"), 0.2)
    with pytest.raises(UnavailableError):
        nowhere.object_exists("key")
    stranger = Objects(replace(bucket(config, config.s3_endpoint), secret_key="guessed"), 2.0)
    with pytest.raises(UnavailableError, match="403"):
        stranger.object_exists("key")
    nowhere.close()
    stranger.close()
