import json

import pytest

from service.domain.devices import Devices
from service.domain.entities import Event, Kind
from service.domain.errors import MalformedError
from service.domain.pushes import LIFETIME_S, Device, Notice, compose_pushes, tell

OWNER, OTHER, PHOTO = 10, 20, 2**62


def event(actor_id: int, kind: Kind = "like", photo_id: int | None = PHOTO, at: float = 1000.5) -> Event:
    return Event(kind, actor_id, photo_id, at)


def test_a_photo_s_owner_is_told_and_whoever_is_named() -> None:
    like, follow = event(1), event(2, "follow", None)
    told = tell([Notice(like, None), Notice(follow, OTHER)], {PHOTO: OWNER})
    assert told == {OWNER: [like], OTHER: [follow]}


def test_nobody_is_told_of_himself_nor_of_a_photo_that_is_gone() -> None:
    notices = [Notice(event(OWNER), None), Notice(event(1, photo_id=99), None), Notice(event(3, "follow", None), 3)]
    assert tell(notices, {PHOTO: OWNER}) == {}


def test_a_storm_of_likes_on_one_photo_is_one_push_a_device() -> None:
    likes = [event(actor, at=1000.0 + actor) for actor in range(12)]
    first, second = compose_pushes({OWNER: likes}, {OWNER: ["aa", "bb"]})
    assert (first.device, second.device) == (Device(OWNER, "aa"), Device(OWNER, "bb"))
    assert first.id != second.id
    assert first.collapse_id == f"like-{PHOTO}"
    assert first.expires_at == 1011 + LIFETIME_S
    assert first.events == tuple(likes)
    assert json.loads(first.payload) == {
        "aps": {"alert": "12 people liked your photo"},
        "kind": "like",
        "photo_id": str(PHOTO),
    }


@pytest.mark.parametrize(
    ("events", "alerts"),
    [
        ([event(1)], ["Somebody liked your photo"]),
        ([event(1, at=1), event(1, at=2)], ["Somebody liked your photo"]),
        ([event(1), event(2, "comment")], ["Somebody liked your photo", "Somebody commented on your photo"]),
        ([event(1), event(2, photo_id=5)], ["Somebody liked your photo"] * 2),
        ([event(1, "follow", None), event(2, "follow", None)], ["2 people started to follow you"]),
    ],
)
def test_events_of_one_kind_and_photo_are_told_together(events: list[Event], alerts: list[str]) -> None:
    pushes = compose_pushes({OWNER: events}, {OWNER: ["aa"]})
    assert [json.loads(push.payload)["aps"]["alert"] for push in pushes] == alerts


def test_who_has_no_device_gets_no_push() -> None:
    assert compose_pushes({OWNER: [event(1)], OTHER: [event(2)]}, {OTHER: []}) == []


def test_the_same_events_have_the_same_id_and_others_another() -> None:
    devices = {OWNER: ["aa"]}
    [one] = compose_pushes({OWNER: [event(1), event(2)]}, devices)
    [same] = compose_pushes({OWNER: [event(1), event(2)]}, devices)
    [later] = compose_pushes({OWNER: [event(1), event(2, at=1000.75)]}, devices)
    assert one.id == same.id
    assert one.id != later.id


class Noted:
    """A store of devices that notes what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, str]] = []

    def add_device(self, user_id: int, token: str) -> None:
        self.calls.append(("add", user_id, token))

    def remove_device(self, user_id: int, token: str) -> None:
        self.calls.append(("remove", user_id, token))


def test_a_token_is_checked_and_written_in_one_way() -> None:
    noted = Noted()
    devices = Devices(noted)  # type: ignore[arg-type]
    devices.add(1, "AB" * 32)
    devices.remove(1, "ab" * 100)
    assert noted.calls == [("add", 1, "ab" * 32), ("remove", 1, "ab" * 100)]


@pytest.mark.parametrize("token", ["", "ab" * 31, "ab" * 101, "ab" * 32 + "c", "xy" * 32, "ab" * 32 + "\n", "٠١" * 32])
def test_what_is_no_token_is_malformed(token: str) -> None:
    devices = Devices(Noted())  # type: ignore[arg-type]
    with pytest.raises(MalformedError):
        devices.add(1, token)
    with pytest.raises(MalformedError):
        devices.remove(1, token)
