"""Each door that is not for everybody, tried."""

import re
from base64 import urlsafe_b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, quote, urlencode, urlsplit, urlunsplit

import pytest
import urllib3
from flask import Flask

from service.backends import Backends, bucket
from service.config import Config
from service.domain.photos import photo_key
from service.stores.objects import Links
from service.stores.passwords import Passwords
from service.stores.redis import connect_redis
from tests.service.conftest import Member, ask, jpeg, sign_up

INJECTIONS = [
    "'; DROP TABLE users; --",
    "' OR '1'='1",
    "$1; SELECT pg_sleep(5)",
    "\\'; COPY users TO PROGRAM 'id'; --",
    "%s %(a)s {shard} {ids}",
    "x') RETURNING password_hash --",
    '"; $$ -- \\x27',
]


def test_another_users_upload_can_be_neither_confirmed_nor_overwritten(member: Member, other: Member) -> None:
    upload = member.ask_upload(len(jpeg()))
    assert member.put(upload, jpeg()) == 200
    taken = other.ask("POST", "/photos", json={"upload_id": upload["upload_id"]})
    assert (taken.status_code, taken.json["error"]["code"]) == (404, "not_found")
    assert other.ask("GET", f"/photos/{upload['upload_id']}").status_code == 404
    # The other's own link leads to a key of his own, and the signature holds for no other.
    theirs = other.ask_upload(len(jpeg()))
    mine, his = urlsplit(upload["url"]), urlsplit(theirs["url"])
    forged = urlunsplit(his._replace(path=mine.path))
    assert other.put(theirs | {"url": forged}, jpeg()) == 403


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Amz-Signature", "0" * 64),
        ("X-Amz-Expires", "604800"),
        ("X-Amz-Date", "20300101T000000Z"),
        ("X-Amz-SignedHeaders", "host"),
        ("X-Amz-Credential", "someone/20300101/us-east-1/s3/aws4_request"),
    ],
)
def test_an_altered_upload_link_is_refused(member: Member, name: str, value: str) -> None:
    upload = member.ask_upload(len(jpeg()))
    parts = urlsplit(upload["url"])
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    assert name in query
    altered = urlunsplit(parts._replace(query=urlencode(query | {name: value})))
    assert member.put(upload | {"url": altered}, jpeg()) == 403


def test_an_upload_link_holds_for_its_size_and_type_only(member: Member) -> None:
    upload = member.ask_upload(len(jpeg()))
    assert member.put(upload | {"headers": upload["headers"] | {"Content-Type": "text/html"}}, jpeg()) == 403
    longer = upload["headers"] | {"Content-Length": str(len(jpeg()) + 1)}
    assert member.put(upload | {"headers": longer}, jpeg() + b"x") == 403


def test_an_upload_link_ends(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    past = datetime.now(UTC) - timedelta(seconds=config.upload_ttl_s + 60)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: past.replace(tzinfo=None))
    links = Links(bucket(config, config.s3_public_endpoint), config.upload_ttl_s, config.cdn_url)
    link = links.upload(photo_key(1, 2), "image/jpeg", 3, past)
    assert urllib3.request("PUT", link.url, body=b"abc", headers=link.headers).status == 403


def test_the_store_gives_nothing_to_whoever_has_no_signature(config: Config, member: Member) -> None:
    photo = member.publish(jpeg())
    key = photo_key(int(member.id), int(photo))
    whole = f"{config.s3_endpoint}/{config.s3_bucket}"
    for url in (f"{whole}/{key}", whole):
        assert urllib3.request("GET", url).status == 403


def test_a_session_ends_with_the_log_out_and_other_sessions_go_on(app: Flask, member: Member) -> None:
    second = ask(app, "POST", "/sessions", json={"username": member.name, "password": "correct horse"}).json["token"]
    assert member.ask("DELETE", "/sessions").status_code == 204
    for method, path in (("GET", "/feed"), ("DELETE", "/sessions"), ("POST", "/uploads"), ("PUT", "/photos/1/like")):
        assert member.ask(method, path).status_code == 401
    assert ask(app, "GET", "/feed", headers={"Authorization": f"Bearer {second}"}).status_code == 200


def test_tokens_are_long_random_and_made_by_the_server(app: Flask, member: Member) -> None:
    tokens = {member.token}
    for _ in range(20):
        chosen = {"username": member.name, "password": "correct horse", "token": "chosen-by-the-client"}
        answer = ask(app, "POST", "/sessions", json=chosen, headers={"Cookie": "session=chosen-by-the-client"})
        tokens.add(answer.json["token"])
    assert len(tokens) == 21
    assert all(len(urlsafe_b64decode(token)) >= 24 for token in tokens)
    assert ask(app, "GET", "/feed", headers={"Authorization": "Bearer chosen-by-the-client"}).status_code == 401


def test_redis_holds_no_token(config: Config, member: Member) -> None:
    redis = connect_redis(config.redis_url, 2)
    keys = [key.decode() for key in redis.scan_iter("*")]
    redis.close()
    assert any(key.startswith("session:") for key in keys)
    assert not [key for key in keys if member.token in key]


def test_the_cookie_of_the_page_opens_no_api(app: Flask, member: Member) -> None:
    for name in ("session", "Authorization", "token"):
        assert ask(app, "GET", "/feed", headers={"Cookie": f"{name}={member.token}"}).status_code == 401


def test_passwords_are_stored_as_argon2id_of_the_configured_cost(stores: Backends, member: Member) -> None:
    found = stores.accounts.find_credentials(member.name)
    assert found is not None
    assert found.password_hash.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert Passwords(128, 2).hash("x").startswith("$argon2id$v=19$m=128,t=2,p=1$")
    assert Passwords(128, 2).verify(found.password_hash, "correct horse")


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_in_a_string_stays_a_string(app: Flask, member: Member, text: str) -> None:
    photo = member.publish(jpeg(), caption=text)
    assert member.ask("GET", f"/photos/{photo}").json["caption"] == text
    comment = member.ask("POST", f"/photos/{photo}/comments", json={"text": text})
    assert (comment.status_code, comment.json["text"]) == (201, text)
    assert member.ask("GET", f"/photos/{photo}/comments").json["comments"] == [comment.json]
    for body, expected in (
        ({"username": text, "password": "correct horse"}, 400),
        ({"username": "x", "password": text[:7]}, 400),
    ):
        assert ask(app, "POST", "/users", json=body).status_code == expected
    wrong = ask(app, "POST", "/sessions", json={"username": text, "password": text})
    assert (wrong.status_code, wrong.json["error"]["code"]) == (401, "unauthenticated")
    in_path = quote(text, safe="")
    for method, path in (
        ("GET", f"/photos/{in_path}"), ("PUT", f"/photos/{in_path}/like"), ("GET", f"/users/{in_path}"),
        ("PUT", f"/users/{in_path}/follow"), ("GET", f"/tags/{in_path}/photos"),
    ):  # fmt: skip
        assert member.ask(method, path).status_code == 404
    for path in ("/feed?before=", f"/photos/{photo}/comments?after=", "/activity?before=", "/feed?limit="):
        assert member.ask("GET", path + in_path).status_code == 400
    assert member.ask("POST", "/photos", json={"upload_id": text}).status_code == 404
    assert member.ask("POST", "/devices", json={"token": text}).status_code == 400
    assert member.ask("GET", "/feed").status_code == 200


@pytest.mark.parametrize(
    "path", ["/users", "/sessions", "/uploads", "/photos", "/photos/1/comments", "/devices", "/login"]
)
def test_a_huge_body_is_refused_unread(member: Member, path: str) -> None:
    for size in (65 * 1024, 5_000_000):
        answer = member.ask("POST", path, data=b"[" * size, content_type="application/x-www-form-urlencoded")
        assert answer.status_code == 413


def test_guessed_ids_show_nothing(member: Member, other: Member) -> None:
    photo = int(member.publish(jpeg()))
    for guess in (photo + 1, photo - 1, photo ^ (1 << 12), 1, 2**63 - 1):
        for method, path in (("GET", ""), ("PUT", "/like"), ("DELETE", "/like"), ("GET", "/comments")):
            assert other.ask(method, f"/photos/{guess}{path}").status_code == 404
        assert other.ask("POST", "/photos", json={"upload_id": str(guess)}).status_code == 404


def test_nobody_unlikes_for_another(member: Member, other: Member) -> None:
    photo = member.publish(jpeg())
    assert member.ask("PUT", f"/photos/{photo}/like").json["likes"] == 1
    assert other.ask("DELETE", f"/photos/{photo}/like").json["likes"] == 1


@pytest.mark.parametrize("attempt", ["a%0d%0aSet-Cookie:%20x=y", "%0d%0a%0d%0a<script>", "x%00y", "%E5%98%8A%E5%98%8D"])
def test_what_is_in_a_path_gets_into_no_header(member: Member, attempt: str) -> None:
    for path in (f"/photos/{attempt}", f"/tags/{attempt}/photos", f"/{attempt}", f"/?before={attempt}"):
        answer = member.ask("GET", path)
        assert answer.status_code < 500
        assert "Set-Cookie" not in answer.headers
        assert answer.content_type in {"application/json", "text/html; charset=utf-8"}


@pytest.mark.parametrize(
    "path",
    [
        "/../etc/passwd", "/..%2f..%2fetc/passwd", "/photos/..%2f..%2ffeed", "/static/../app.py",
        "/photos/%2e%2e/%2e%2e",
        "/.git/config", "/templates/page.html", "/photos/1/../../readyz", "/metrics", "/console", "/admin",
    ],
)  # fmt: skip
def test_paths_lead_to_nothing_but_routes(member: Member, path: str) -> None:
    answer = member.ask("GET", path)
    assert answer.status_code == 404
    assert set(answer.json["error"]) == {"code", "message"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/healthz"), ("GET", "/feed"), ("POST", "/users"), ("GET", "/nothing"), ("BREW", "/feed"), ("GET", "/"),
     ("POST", "/login"), ("GET", "/openapi.json"), ("DELETE", "/sessions")],
)  # fmt: skip
def test_every_answer_has_the_headers_that_keep_it_private(app: Flask, method: str, path: str) -> None:
    headers = ask(app, method, path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] in {"no-referrer", "same-origin"}
    assert re.search(r"default-src 'none'.*frame-ancestors 'none'", headers["Content-Security-Policy"])


def test_secrets_are_in_no_representation(config: Config) -> None:
    shown = repr(replace(config, sentry_dsn="http://s3cret@127.0.0.1/1", redis_url="redis://:s3cret@127.0.0.1/0"))
    assert config.s3_secret_key not in shown
    assert "s3cret" not in shown


def test_log_ins_are_limited_by_name_and_by_address(app: Flask, member: Member) -> None:
    def log_in(name: str, address: str) -> int:
        body = {"username": name, "password": "correct horse"}
        return ask(app, "POST", "/sessions", json=body, headers={"X-Forwarded-For": address}).status_code

    by_name = [log_in(member.name, f"192.0.2.{number}") for number in range(11)]
    assert by_name == [201] * 10 + [429]
    # Somebody else from there is let in; this one is not, from wherever he comes.
    assert log_in(sign_up(app).name, "192.0.2.1") == 201
    assert log_in(member.name, "2001:db8::1") == 429
    by_address = [log_in(f"nobody{number}", "198.51.100.7, 2001:db8:1::7") for number in range(61)]
    assert by_address == [401] * 60 + [429]
    # The /64 is one client; what stands left of the proxy's own word is the client's and counts for nothing.
    assert log_in(member.name, "127.0.0.1, 2001:db8:1::8") == 429
    assert log_in("nobody", "2001:db8:2::8") == 401


def test_sign_ups_are_limited_by_address_and_told_when_to_come_back(app: Flask, config: Config) -> None:
    for number in range(config.signups_per_hour_and_address + 1):
        body = {"username": f"crowd{number}", "password": "correct horse"}
        answer = ask(app, "POST", "/users", json=body, headers={"X-Forwarded-For": "203.0.113.9"})
        assert answer.status_code == (201 if number < config.signups_per_hour_and_address else 429)
    assert answer.json == {"error": {"code": "too_many", "message": "too many attempts"}}
    assert 0 < int(answer.headers["Retry-After"]) <= 3600
    assert ask(app, "POST", "/users", json=body).status_code == 201
