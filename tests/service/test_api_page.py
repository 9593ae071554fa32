"""The page for people."""

import hashlib
import re
from base64 import b64encode
from html import unescape

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.service.conftest import CDN_URL, Member, ask, jpeg

ACCOUNT = {"password": "correct horse"}


def log_in(app: Flask, member: Member, **headers: str) -> TestResponse:
    """The answer to the form."""
    form = ACCOUNT | {"username": member.name}
    return app.test_client(use_cookies=False).post("/login", data=form, headers=headers, buffered=True)


def cookie_of(answer: TestResponse) -> str:
    """The cookie that an answer sets."""
    return answer.headers["Set-Cookie"].split(";")[0]


def test_a_visitor_is_asked_to_log_in(app: Flask) -> None:
    answer = ask(app, "GET", "/")
    assert (answer.status_code, answer.content_type) == (200, "text/html; charset=utf-8")
    assert '<form method="post" action="/login">' in answer.text
    assert "<script" not in answer.text
    style = re.search("<style>(.*?)</style>", answer.text, re.DOTALL)
    assert style
    digest = b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["Content-Security-Policy"]


def test_the_feed_is_shown_with_photos_and_likes_and_nothing_unescaped(
    app: Flask, member: Member, other: Member
) -> None:
    caption = "<script>alert('x')</script> & \"more\""
    photo = other.publish(jpeg(), caption=caption)
    member.ask("PUT", f"/photos/{photo}/like")
    member.ask("PUT", f"/users/{other.id}/follow")
    answer = log_in(app, member)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    page = ask(app, "GET", "/", headers={"Cookie": cookie_of(answer)})
    assert page.status_code == 200
    assert f"<h1>{member.name}</h1>" in page.text
    assert f'src="{CDN_URL}/photos/{other.id}/{photo}.jpg"' in page.text
    assert "♥ 1" in page.text
    assert "<script" not in page.text
    assert caption in unescape(page.text)
    assert f"img-src {CDN_URL};" in page.headers["Content-Security-Policy"]


def test_older_photos_are_a_page_away(app: Flask, member: Member, other: Member) -> None:
    photos = [other.publish(jpeg()) for _ in range(3)]
    member.ask("PUT", f"/users/{other.id}/follow")
    headers = {"Cookie": cookie_of(log_in(app, member))}
    first = ask(app, "GET", "/?limit=2", headers=headers).text
    older = re.search(r'href="(/\?before=\d+)"', first)
    assert older
    assert [photo in first for photo in photos] == [False, True, True]
    last = ask(app, "GET", older[1], headers=headers).text
    assert [photo in last for photo in photos] == [True, False, False]


def test_the_cookie_is_for_this_page_and_no_script(app: Flask, member: Member) -> None:
    attributes = log_in(app, member).headers["Set-Cookie"].split("; ")[1:]
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=86400"} <= set(attributes)
    assert "Secure" not in attributes
    by_tls = log_in(app, member, **{"X-Forwarded-Proto": "https"}).headers["Set-Cookie"]
    assert "Secure" in by_tls.split("; ")


def test_the_log_out_ends_the_session(app: Flask, member: Member) -> None:
    cookie = cookie_of(log_in(app, member))
    assert ask(app, "GET", "/", headers={"Cookie": cookie}).text.count("Log out") == 1
    left = ask(app, "POST", "/logout", headers={"Cookie": cookie})
    assert (left.status_code, left.headers["Location"]) == (303, "/")
    assert left.headers["Set-Cookie"].startswith("session=;")
    assert "Log out" not in ask(app, "GET", "/", headers={"Cookie": cookie}).text
    assert ask(app, "GET", "/feed", headers={"Authorization": f"Bearer {cookie[8:]}"}).status_code == 401


@pytest.mark.parametrize(
    ("form", "status", "problem"),
    [
        ({"username": "nobody-here", "password": "wrong horse"}, 401, "Wrong name or password."),
        ({"username": "nobody-here"}, 400, "Type your name and your password."),
        ({"username": "x" * 200, "password": "y"}, 400, "Type your name and your password."),
        ({}, 400, "Type your name and your password."),
    ],
)
def test_a_failed_log_in_is_explained(app: Flask, form: dict[str, str], status: int, problem: str) -> None:
    answer = ask(app, "POST", "/login", data=form)
    assert answer.status_code == status
    assert problem in answer.text
    assert "Set-Cookie" not in answer.headers


def test_too_many_attempts_are_told_to_wait(app: Flask) -> None:
    form = {"username": "hammered", "password": "wrong horse"}
    headers = {"X-Forwarded-For": "192.0.2.77"}
    answers = [ask(app, "POST", "/login", data=form, headers=headers) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert "Too many attempts" in answers[-1].text
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
    ],
)
def test_forms_of_other_sites_are_refused(app: Flask, member: Member, headers: dict[str, str]) -> None:
    assert log_in(app, member, **headers).status_code == 403
    cookie = cookie_of(log_in(app, member, Origin="http://localhost", **{"Sec-Fetch-Site": "same-origin"}))
    assert ask(app, "POST", "/logout", headers=headers | {"Cookie": cookie}).status_code == 403
    assert "Log out" in ask(app, "GET", "/", headers={"Cookie": cookie}).text
