"""Comments, follows, profiles, tags, activity and devices, on real stores."""

import pytest
from flask import Flask

from service import catalog
from service.backends import Backends
from service.config import Config
from service.domain.entities import Event
from service.stores.redis import connect_redis
from tests.service.conftest import Member, jpeg, sign_up


def test_comments_are_read_page_by_page_oldest_first(member: Member, other: Member) -> None:
    photo = member.publish(jpeg())
    path = f"/photos/{photo}/comments"
    assert other.ask("GET", path).json == {"comments": [], "next": None}
    written = [other.ask("POST", path, json={"text": text}) for text in ("first", "Zweiter 🐈", "third")]
    assert [answer.status_code for answer in written] == [201, 201, 201]
    assert {key: written[1].json[key] for key in ("photo_id", "author_id", "text")} == {
        "photo_id": photo,
        "author_id": other.id,
        "text": "Zweiter 🐈",
    }
    first = member.ask("GET", f"{path}?limit=2").json
    assert first["comments"] == [written[0].json, written[1].json]
    last = member.ask("GET", f"{path}?limit=2&after={first['next']}").json
    assert (last["comments"], last["next"]) == ([written[2].json], None)


def test_following_is_idempotent_counted_and_changes_the_feed(app: Flask, member: Member, other: Member) -> None:
    photo = member.publish(jpeg())
    follow = f"/users/{member.id}/follow"
    assert other.ask("GET", "/feed").json["photos"] == []
    answers = [other.ask(method, follow) for method in ("PUT", "PUT")]
    assert [(answer.status_code, answer.json) for answer in answers] == [
        (201, {"user_id": member.id, "following": True}),
        (200, {"user_id": member.id, "following": True}),
    ]
    assert [shown["id"] for shown in other.ask("GET", "/feed").json["photos"]] == [photo]
    assert (other.ask("GET", f"/users/{member.id}").json["followers"], profile(other)["following"]) == (1, 1)
    for _ in range(2):
        answer = other.ask("DELETE", follow)
        assert (answer.status_code, answer.json) == (200, {"user_id": member.id, "following": False})
    assert other.ask("GET", "/feed").json["photos"] == []
    assert (other.ask("GET", f"/users/{member.id}").json["followers"], profile(other)["following"]) == (0, 0)


def test_nobody_follows_himself(member: Member) -> None:
    answer = member.ask("PUT", f"/users/{member.id}/follow")
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "malformed")


def test_followers_are_listed_page_by_page(app: Flask, member: Member) -> None:
    fans = sorted((sign_up(app) for _ in range(3)), key=lambda fan: int(fan.id))
    for fan in fans:
        assert fan.ask("PUT", f"/users/{member.id}/follow").status_code == 201
    first = member.ask("GET", f"/users/{member.id}/followers?limit=2").json
    assert first["followers"] == [fan.id for fan in fans[:2]]
    last = member.ask("GET", f"/users/{member.id}/followers?limit=2&after={first['next']}").json
    assert last == {"followers": [fans[2].id], "next": None}


def profile(member: Member) -> dict[str, object]:
    """A user's own profile."""
    answer = member.ask("GET", f"/users/{member.id}")
    assert answer.status_code == 200, answer.text
    shown: dict[str, object] = answer.json
    return shown


def test_a_profile_counts_what_its_user_has(member: Member, other: Member) -> None:
    photos = [member.publish(jpeg()) for _ in range(3)]
    shown = profile(member)
    assert {key: shown[key] for key in ("id", "username", "photos", "followers", "following")} == {
        "id": member.id,
        "username": member.name,
        "photos": 3,
        "followers": 0,
        "following": 0,
    }
    other.ask("PUT", f"/photos/{photos[1]}/like")
    first = other.ask("GET", f"/users/{member.id}/photos?limit=2").json
    assert [(photo["id"], photo["likes"]) for photo in first["photos"]] == [(photos[2], 0), (photos[1], 1)]
    last = other.ask("GET", f"/users/{member.id}/photos?limit=2&before={first['next']}").json
    assert ([photo["id"] for photo in last["photos"]], last["next"]) == ([photos[0]], None)


def test_photos_are_found_by_tag_in_any_spelling(member: Member, other: Member, stores: Backends) -> None:
    tag = f"Straße_{member.name}"
    photo = member.publish(jpeg(), caption=f"An der #{tag}")
    # The job of the fan-out does this.
    stores.tags.add_tags(int(photo), [tag.lower()])
    for spelling in (tag, tag.upper().replace("SS", "ß"), tag.lower()):
        assert [shown["id"] for shown in other.ask("GET", f"/tags/{spelling}/photos").json["photos"]] == [photo]
    assert other.ask("GET", "/tags/unheard_of/photos").json == {"photos": [], "next": None}


def test_activity_is_read_page_by_page_newest_first(member: Member, other: Member, stores: Backends) -> None:
    events = [Event("like", int(other.id), 7, 1_700_000_000.25), Event("follow", int(other.id), None, 1_700_000_001.5)]
    stores.activity.add_events({int(member.id): events})
    first = member.ask("GET", "/activity?limit=1").json
    assert first["events"] == [
        {"kind": "follow", "actor_id": other.id, "photo_id": None, "at": "2023-11-14T22:13:21.500Z"}
    ]
    last = member.ask("GET", f"/activity?limit=1&before={first['next']}").json
    assert last == {
        "events": [{"kind": "like", "actor_id": other.id, "photo_id": "7", "at": "2023-11-14T22:13:20.250Z"}],
        "next": None,
    }
    assert other.ask("GET", "/activity").json == {"events": [], "next": None}


def test_events_are_handed_over_without_those_of_an_owner_s_own_comments_and_without_repeats(
    member: Member, other: Member, stores: Backends
) -> None:
    photo = member.publish(jpeg())
    stores.notifications.finish(drain(stores))
    for who in (member, other):
        who.ask("PUT", f"/photos/{photo}/like")
        who.ask("PUT", f"/photos/{photo}/like")
        who.ask("POST", f"/photos/{photo}/comments", json={"text": "!"})
    other.ask("PUT", f"/users/{member.id}/follow")
    found = stores.notifications.take("tests")
    stores.notifications.finish("tests")
    assert [(notice.event.kind, notice.event.actor_id, notice.recipient_id) for notice in found] == [
        # Whose photo it is, the worker finds out, and leaves his own like out.
        ("like", int(member.id), None),
        ("like", int(other.id), None),
        ("comment", int(other.id), int(member.id)),
        ("follow", int(other.id), int(member.id)),
    ]


def drain(stores: Backends) -> str:
    """Take all that other tests left; the name of the batch."""
    while stores.notifications.take("left"):
        stores.notifications.finish("left")
    return "left"


def test_devices_are_registered_and_forgotten(member: Member, stores: Backends) -> None:
    token = "AB" * 32
    for _ in range(2):
        assert member.ask("POST", "/devices", json={"token": token}).status_code == 204
    assert stores.devices.find_devices([int(member.id)]) == {int(member.id): [token.lower()]}
    assert member.ask("DELETE", f"/devices/{token}").status_code == 204
    assert stores.devices.find_devices([int(member.id)]) == {}
    assert member.ask("DELETE", "/devices/no-token").status_code == 400


@pytest.mark.parametrize("networks", [["alpha"], ["beta", "alpha", "beta"]])
def test_an_upload_is_shared_where_it_is_asked_for(member: Member, config: Config, networks: list[str]) -> None:
    photo = member.publish(jpeg(), share_to=networks)
    redis = connect_redis(config.redis_url, 2)
    shared = {name for name in ("alpha", "beta") if redis.hget(f"rq:job:share-{name}-{photo}", "origin")}
    assert shared == set(networks)
    assert redis.hget(f"rq:job:share-alpha-{photo}", "origin") == catalog.SHARE.encode()
    redis.close()


def test_a_new_photo_has_its_owner_in_the_media_map(member: Member, stores: Backends) -> None:
    photo = int(member.publish(jpeg()))
    assert stores.media_map.find_owners([photo]) == {photo: int(member.id)}
