"""The HTTP contract, on real stores."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask

from service import catalog
from service.app import create_app
from service.backends import Backends
from service.config import Config
from service.stores.redis import connect_redis
from service.telemetry.metrics import Metrics
from tests.servers import free_port, write_shard_map
from tests.service.conftest import CDN_URL, Member, ask, jpeg, sign_up

DEEP = b'{"username":' + b"[" * 20_000 + b"]" * 20_000 + b"}"


def test_a_user_signs_up_logs_in_and_out(app: Flask) -> None:
    account = {"username": "ada.l-1_x", "password": "correct horse"}
    signed_up = ask(app, "POST", "/users", json=account)
    assert signed_up.status_code == 201
    assert signed_up.json == {"id": signed_up.json["id"], "username": "ada.l-1_x", "token": signed_up.json["token"]}
    logged_in = ask(app, "POST", "/sessions", json=account)
    assert logged_in.status_code == 201
    assert logged_in.json["user_id"] == signed_up.json["id"]
    header = {"Authorization": f"Bearer {logged_in.json['token']}"}
    assert ask(app, "GET", "/feed", headers=header).json == {"photos": [], "next": None}
    assert ask(app, "DELETE", "/sessions", headers=header).status_code == 204
    assert ask(app, "GET", "/feed", headers=header).status_code == 401
    assert ask(app, "DELETE", "/sessions", headers=header).status_code == 401
    # The session of the sign-up is another one.
    assert ask(app, "GET", "/feed", headers={"Authorization": f"bearer {signed_up.json['token']}"}).status_code == 200


def test_a_taken_name_and_a_wrong_password_are_refused(app: Flask, member: Member) -> None:
    taken = ask(app, "POST", "/users", json={"username": member.name, "password": "another one"})
    assert (taken.status_code, taken.json["error"]["code"]) == (409, "taken")
    for name, password in ((member.name, "wrong horse"), ("nobody-at-all", "correct horse"), (member.name, "")):
        answer = ask(app, "POST", "/sessions", json={"username": name, "password": password})
        assert (answer.status_code, answer.json["error"]["code"]) == (401, "unauthenticated")


def test_a_photo_is_uploaded_confirmed_and_shown(member: Member, other: Member, stores: Backends) -> None:
    picture = jpeg()
    before = datetime.now(UTC)
    upload = member.ask_upload(len(picture))
    assert upload["method"] == "PUT"
    expiry = datetime.fromisoformat(upload["expires_at"].replace("Z", "+00:00"))
    assert timedelta(seconds=595) < expiry - before < timedelta(seconds=605)
    assert member.put(upload, picture) == 200
    confirmed = member.ask("POST", "/photos", json={"upload_id": upload["upload_id"], "caption": "Grüße 🐕"})
    assert confirmed.status_code == 201
    shown = other.ask("GET", f"/photos/{upload['upload_id']}")
    assert shown.status_code == 200
    assert {name: shown.json[name] for name in ("id", "owner_id", "caption", "likes", "thumbnail_url")} == {
        "id": upload["upload_id"],
        "owner_id": member.id,
        "caption": "Grüße 🐕",
        "likes": 0,
        "thumbnail_url": None,
    }
    # Permanent: whoever asks, and whenever, gets the same address, made of nothing but the key.
    assert shown.json["url"] == confirmed.json["url"] == f"{CDN_URL}/photos/{member.id}/{upload['upload_id']}.jpg"
    assert stores.objects.get_object(shown.json["url"].removeprefix(f"{CDN_URL}/")) == picture
    created = datetime.fromisoformat(shown.json["created_at"].replace("Z", "+00:00"))
    assert before - timedelta(milliseconds=1) <= created <= datetime.now(UTC)


def test_a_confirmation_may_be_repeated_and_has_its_job(member: Member, config: Config) -> None:
    photo = member.publish(jpeg())
    again = member.ask("POST", "/photos", json={"upload_id": photo, "caption": "changed"})
    assert (again.status_code, again.json["caption"]) == (200, "")
    redis = connect_redis(config.redis_url, 2)
    assert redis.hget(f"rq:job:thumbnail-{photo}", "origin") == catalog.THUMBNAILS.encode()
    assert redis.hget(f"rq:job:fanout-{photo}", "origin") == catalog.FANOUT.encode()
    redis.close()


def test_an_upload_can_be_confirmed_only_by_its_user_and_only_when_it_is_there(member: Member, other: Member) -> None:
    upload = member.ask_upload(len(jpeg()))
    missing = member.ask("POST", "/photos", json={"upload_id": upload["upload_id"]})
    assert (missing.status_code, missing.json["error"]["code"]) == (404, "not_found")
    assert member.put(upload, jpeg()) == 200
    assert other.ask("POST", "/photos", json={"upload_id": upload["upload_id"]}).status_code == 404
    assert member.ask("POST", "/photos", json={"upload_id": upload["upload_id"]}).status_code == 201
    assert other.ask("POST", "/photos", json={"upload_id": upload["upload_id"]}).status_code == 404


def test_likes_are_idempotent_and_shown_at_once(member: Member, other: Member) -> None:
    photo = member.publish(jpeg())
    like = f"/photos/{photo}/like"
    answers = [
        (who.ask(method, like).status_code, who.ask("GET", f"/photos/{photo}").json["likes"])
        for who, method in (
            (member, "PUT"), (member, "PUT"), (other, "PUT"), (member, "DELETE"), (member, "DELETE"),
        )
    ]  # fmt: skip
    assert answers == [(201, 1), (200, 1), (201, 2), (200, 1), (200, 1)]
    assert other.ask("PUT", like).json == {"photo_id": photo, "likes": 1}


def test_the_feed_goes_page_by_page(app: Flask, member: Member) -> None:
    photos = [member.publish(jpeg()) for _ in range(3)]
    reader = sign_up(app)
    assert reader.ask("PUT", f"/users/{member.id}/follow").status_code == 201
    first = reader.ask("GET", "/feed?limit=2").json
    assert [photo["id"] for photo in first["photos"]] == [photos[2], photos[1]]
    last = reader.ask("GET", f"/feed?limit=2&before={first['next']}").json
    assert ([photo["id"] for photo in last["photos"]], last["next"]) == ([photos[0]], None)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"7", b'{"username": "x"}', b'{"username": 7, "password": "12345678"}',
        b'{"username": "", "password": "12345678"}', b'{"username": "a\\u0000b", "password": "12345678"}',
        b'{"username": "\\ud800", "password": "12345678"}', b'{"username": "\xff", "password": "12345678"}',
        b'{"username": "with space", "password": "12345678"}', b'{"username": "x\\n", "password": "12345678"}',
        b'{"username": "x", "password": "short"}', b'{"username": "x", "password": 1e999}', DEEP,
        b'{"username": "' + b"x" * 65 + b'", "password": "12345678"}',
    ],
)  # fmt: skip
def test_malformed_sign_ups_are_400(app: Flask, body: bytes) -> None:
    answer = ask(app, "POST", "/users", data=body)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "malformed")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/sessions", {"username": "a\0b", "password": "x"}, 400),
        ("/uploads", {"content_type": "text/html", "content_length": 10}, 400),
        ("/uploads", {"content_type": "image/jpeg", "content_length": 0}, 400),
        ("/uploads", {"content_type": "image/jpeg", "content_length": 100_001}, 400),
        ("/uploads", {"content_type": "image/jpeg", "content_length": 10**30}, 400),
        ("/uploads", {"content_type": "image/jpeg", "content_length": "10"}, 400),
        ("/uploads", {"content_type": "image/jpeg", "content_length": 1.5}, 400),
        ("/photos", {"upload_id": 7}, 400),
        ("/photos", {"upload_id": "7", "caption": "a\0b"}, 400),
        ("/photos", {"upload_id": "7", "caption": "x" * 2201}, 400),
        ("/photos", {"upload_id": "7", "share_to": "alpha"}, 400),
        ("/photos", {"upload_id": "7", "share_to": ["gamma"]}, 400),
        ("/photos/1/comments", {"text": ""}, 400),
        ("/photos/1/comments", {"text": "a\0b"}, 400),
        ("/photos/1/comments", {"text": "x" * 2201}, 400),
        ("/photos/1/comments", {"text": "hello"}, 404),
        ("/devices", {"token": "no token"}, 400),
        ("/devices", {"token": "ab" * 101}, 400),
        ("/photos", {"upload_id": "seven"}, 404),
        ("/photos", {"upload_id": str(2**63)}, 404),
        ("/photos", {"upload_id": "-1"}, 404),
        ("/photos", {"upload_id": "../7"}, 404),
    ],
)
def test_wrong_bodies_are_refused(member: Member, path: str, body: object, status: int) -> None:
    answer = member.ask("POST", path, json=body)
    assert answer.status_code == status
    assert set(answer.json["error"]) == {"code", "message"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/photos/0", 404),
        ("GET", "/photos/-1", 404),
        ("GET", "/photos/abc", 404),
        ("GET", "/photos/%00", 404),
        ("GET", "/photos/%ff%fe", 404),
        ("GET", f"/photos/{2**63}", 404),
        ("GET", f"/photos/{2**62}", 404),
        ("PUT", f"/photos/{2**62}/like", 404),
        ("PUT", f"/photos/{'9' * 5000}/like", 404),
        ("DELETE", f"/photos/{2**62}/like", 404),
        ("GET", "/feed?limit=0", 400),
        ("GET", "/feed?limit=101", 400),
        ("GET", "/feed?limit=x", 400),
        ("GET", "/feed?limit=%C2%B2", 400),
        ("GET", "/feed?before=x", 400),
        ("GET", f"/feed?before={2**63}", 400),
        ("GET", "/nothing/here", 404),
        ("GET", "/feed/", 404),
        ("GET", "/photos//1", 404),
        ("GET", "/metrics", 404),
        ("GET", "/users/abc", 404),
        ("GET", f"/users/{2**62}", 404),
        ("GET", f"/users/{2**63 - 1}", 404),
        ("PUT", f"/users/{2**63 - 1}/follow", 404),
        ("GET", f"/photos/{2**63 - 1}", 404),
        ("GET", f"/photos/{2**62}/comments", 404),
        ("GET", "/users/1/photos?limit=0", 400),
        ("GET", "/users/1/followers?after=x", 400),
        ("GET", "/activity?before=yesterday", 400),
        ("GET", "/activity?before=1e99", 400),
        ("GET", "/tags/two%20words/photos", 404),
        ("GET", f"/tags/{'x' * 65}/photos", 404),
        ("POST", "/feed", 405),
        ("OPTIONS", "/feed", 405),
        ("BREW", "/feed", 405),
        ("GET", "/uploads", 405),
    ],
)
def test_wrong_addresses_and_methods_are_refused(member: Member, method: str, path: str, status: int) -> None:
    answer = member.ask(method, path)
    assert answer.status_code == status
    assert answer.content_type == "application/json"
    assert set(answer.json["error"]) == {"code", "message"}


def test_a_wrong_method_is_told_the_right_ones(member: Member) -> None:
    assert sorted(member.ask("POST", "/feed").headers["Allow"].split(", ")) == ["GET", "HEAD"]


def test_a_body_that_is_too_large_is_413(member: Member) -> None:
    answer = member.ask("POST", "/photos", data=b" " * 70_000)
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "request_entity_too_large")


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic eDp5", "Bearer guessed", "Bearer \xff\xfe", "Bearer " + "x" * 4000]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/sessions"), ("POST", "/uploads"), ("POST", "/photos"), ("GET", "/photos/1"),
        ("PUT", "/photos/1/like"), ("DELETE", "/photos/1/like"), ("GET", "/feed"),
        ("GET", "/photos/1/comments"), ("POST", "/photos/1/comments"), ("GET", "/users/1"), ("GET", "/users/1/photos"),
        ("GET", "/users/1/followers"), ("PUT", "/users/1/follow"), ("DELETE", "/users/1/follow"),
        ("GET", "/tags/sea/photos"), ("GET", "/activity"), ("POST", "/devices"), ("DELETE", "/devices/ab"),
    ],
)  # fmt: skip
def test_who_has_no_session_is_401(app: Flask, header: str | None, method: str, path: str) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = ask(app, method, path, headers=headers)
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "unauthenticated")


def test_health_and_readiness_of_a_working_service(app: Flask) -> None:
    assert (ask(app, "GET", "/healthz").status_code, ask(app, "GET", "/readyz").status_code) == (200, 200)


def test_a_service_without_backends_lives_but_is_not_ready(config: Config, tmp_path: Path) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    changed = {
        "shards": write_shard_map(tmp_path / "shards.json", [f"postgresql://x@{nowhere}/x"]),
        "redis_url": f"redis://{nowhere}/0",
        "memcached": (("127.0.0.1", free_port()),),
        "s3_endpoint": f"http://{nowhere}",
        "backend_timeout_s": 0.2,
    }
    app = create_app(Config(**{**vars(config), **changed}), Metrics())
    assert ask(app, "GET", "/healthz").status_code == 200
    ready = ask(app, "GET", "/readyz")
    assert (ready.status_code, ready.json["unreached"]) == (503, ["postgres", "redis", "memcached", "objects"])
    answer = ask(app, "GET", "/feed", headers={"Authorization": "Bearer token"})
    assert (answer.status_code, answer.json["error"]) == (
        503,
        {"code": "unavailable", "message": "redis did not answer"},
    )
    assert ask(app, "POST", "/users", json={"username": "x", "password": "12345678"}).status_code == 503
    app.extensions["likestorm"].close()


def test_a_surprise_is_a_500_in_json(config: Config) -> None:
    app = create_app(config, Metrics())

    @app.get("/surprise")
    def surprise() -> str:
        raise ZeroDivisionError("secret detail")

    answer = ask(app, "GET", "/surprise")
    assert (answer.status_code, answer.json) == (
        500,
        {"error": {"code": "internal", "message": "something went wrong here"}},
    )
    app.extensions["likestorm"].close()
