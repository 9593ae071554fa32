"""A migrated database, and the application on real stores."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from itertools import count
from typing import Any

import pytest
import urllib3
from flask import Flask
from PIL import Image

from service.admin.migration import migrate
from service.app import create_app
from service.backends import Backends, bucket
from service.config import Config
from service.stores.objects import Objects
from service.telemetry.metrics import Metrics
from tests.servers import Servers

CDN_URL = "https://cdn.test"
_names = count(1)


@dataclass(frozen=True)
class Answer:
    """What came back; `json` is None where the body is none."""

    status_code: int
    json: Any
    text: str
    content_type: str
    headers: Mapping[str, str]


def ask(app: Flask, method: str, path: str, **options: Any) -> Answer:
    """One request, read to its end."""
    # Without cookies of its own, which would take the place of a Cookie header.
    response = app.test_client(use_cookies=False).open(path, method=method, buffered=True, **options)
    headers = dict(response.headers)
    return Answer(response.status_code, response.get_json(silent=True), response.text, response.content_type, headers)


@dataclass
class Member:
    """A signed-up user and what he asks of the application."""

    app: Flask
    name: str
    id: str = ""
    token: str = ""
    http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False))

    @property
    def header(self) -> dict[str, str]:
        """What says that a request comes from this user."""
        return {"Authorization": f"Bearer {self.token}"}

    def ask(self, method: str, path: str, **options: Any) -> Answer:
        """One request with this user's token."""
        return ask(self.app, method, path, headers=self.header, **options)

    def ask_upload(self, size: int) -> dict[str, Any]:
        """The answer to POST /uploads."""
        answer = self.ask("POST", "/uploads", json={"content_type": "image/jpeg", "content_length": size})
        assert answer.status_code == 201, answer.text
        content: dict[str, Any] = answer.json
        return content

    def put(self, upload: dict[str, Any], body: bytes) -> int:
        """Send the object to the store; the status."""
        return self.http.request(upload["method"], upload["url"], body=body, headers=upload["headers"]).status

    def publish(self, body: bytes, **confirmation: Any) -> str:
        """Upload and confirm; the photo's id."""
        upload = self.ask_upload(len(body))
        assert self.put(upload, body) == 200
        confirmed = self.ask("POST", "/photos", json={"upload_id": upload["upload_id"], **confirmation})
        assert confirmed.status_code == 201, confirmed.text
        photo_id: str = upload["upload_id"]
        return photo_id


@pytest.fixture(scope="session")
def config(servers: Servers) -> Config:
    """The service's settings, on servers with a schema and a bucket."""
    config = Config.from_env(
        servers.environment()
        | {
            "LIKESTORM_UPLOAD_MAX_BYTES": "100000",
            "LIKESTORM_CDN_URL": CDN_URL,
            "LIKESTORM_SHARE_NETWORKS": "alpha=http://127.0.0.1:9/alpha,beta=http://127.0.0.1:9/beta",
            # Where the tests themselves come from; those of the limits come from elsewhere.
            "LIKESTORM_LOADTEST_NETWORKS": "127.0.0.0/8",
        }
    )
    migrate(config.shards)
    objects = Objects(bucket(config, config.s3_endpoint), 5)
    objects.create_bucket()
    objects.close()
    return config


@pytest.fixture(scope="session")
def metrics() -> Metrics:
    """The metrics of the application."""
    return Metrics()


@pytest.fixture(scope="session")
def app(config: Config, metrics: Metrics) -> Iterator[Flask]:
    """The application; shared, so tests make users of their own."""
    app = create_app(config, metrics)
    yield app
    app.extensions["likestorm"].close()


@pytest.fixture(scope="session")
def stores(app: Flask) -> Backends:
    """The application's own stores."""
    stores: Backends = app.extensions["likestorm"]
    return stores


def sign_up(app: Flask) -> Member:
    """A new user."""
    member = Member(app, f"member{next(_names)}")
    answer = ask(app, "POST", "/users", json={"username": member.name, "password": "correct horse"})
    assert answer.status_code == 201, answer.text
    member.id, member.token = answer.json["id"], answer.json["token"]
    return member


@pytest.fixture
def member(app: Flask) -> Member:
    """Somebody new."""
    return sign_up(app)


@pytest.fixture
def other(app: Flask) -> Member:
    """Somebody else."""
    return sign_up(app)


def jpeg(width: int = 40, height: int = 20) -> bytes:
    """A small picture."""
    buffer = BytesIO()
    Image.new("RGB", (width, height), (200, 80, 20)).save(buffer, "JPEG")
    return buffer.getvalue()
