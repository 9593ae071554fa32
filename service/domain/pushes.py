"""Pushes: events of one kind about one photo become one push, whose id stays the same when the job is repeated."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import NAMESPACE_URL, uuid5

from service.domain.entities import Event, Kind

LIFETIME_S = 3600
"""A device that is off for longer does not get the push."""


@dataclass(frozen=True)
class Notice:
    """An event and its recipient; recipient_id None means the photo's owner."""

    event: Event
    recipient_id: int | None


@dataclass(frozen=True)
class Device:
    """One app on one phone, by the token under which the push service knows it."""

    user_id: int
    token: str


@dataclass(frozen=True)
class Push:
    """One message to one device; it stands for `events` and takes the place of an older one with its `collapse_id`.

    id: a UUID. expires_at: seconds since 1970, after which it need not be shown any more.
    """

    id: str
    device: Device
    collapse_id: str
    payload: bytes
    expires_at: int
    events: tuple[Event, ...]


Outcome = Literal["delivered", "gone", "refused"]


@dataclass(frozen=True)
class PushResult:
    """What came of a push that need not be sent again.

    gone: the push service does not know the device any more. refused: it takes no such push, and will not later.
    since: when the device was found gone, as far as that is known.
    """

    push: Push
    outcome: Outcome
    reason: str = ""
    since: datetime | None = None


def tell(notices: Sequence[Notice], owners: Mapping[int, int]) -> dict[int, list[Event]]:
    """Events by recipient, in their order; `owners` by photo.

    Left out are a user's own actions and photos that no longer exist.
    """
    told: dict[int, list[Event]] = {}
    for notice in notices:
        event, recipient_id = notice.event, notice.recipient_id
        if recipient_id is None and event.photo_id is not None:
            recipient_id = owners.get(event.photo_id)
        if recipient_id is not None and recipient_id != event.actor_id:
            told.setdefault(recipient_id, []).append(event)
    return told


def compose_pushes(told: Mapping[int, Sequence[Event]], devices: Mapping[int, Sequence[str]]) -> list[Push]:
    """One push a device, kind of event and photo; `devices`: tokens by user."""
    pushes = []
    for user_id, events in told.items():
        tokens = devices.get(user_id)
        if not tokens:
            continue
        groups: dict[tuple[Kind, int | None], list[Event]] = {}
        for event in events:
            groups.setdefault((event.kind, event.photo_id), []).append(event)
        for (kind, photo_id), group in groups.items():
            payload = _payload(kind, photo_id, len({event.actor_id for event in group}))
            pushes += [_push(Device(user_id, token), kind, photo_id, payload, group) for token in tokens]
    return pushes


def _push(device: Device, kind: Kind, photo_id: int | None, payload: bytes, events: list[Event]) -> Push:
    collapse_id = kind if photo_id is None else f"{kind}-{photo_id}"
    # The same for the same events, so that a receiver recognizes a repeat.
    first, last = events[0], events[-1]
    name = f"{device.token}/{collapse_id}/{first.actor_id}/{first.at}/{last.actor_id}/{last.at}/{len(events)}"
    expires_at = int(last.at) + LIFETIME_S
    return Push(str(uuid5(NAMESPACE_URL, name)), device, collapse_id, payload, expires_at, tuple(events))


_WORDS: Mapping[Kind, str] = {
    "like": "liked your photo",
    "comment": "commented on your photo",
    "follow": "started to follow you",
}


def _payload(kind: Kind, photo_id: int | None, people: int) -> bytes:
    """The JSON of a push: what is shown, and for the app what it is about."""
    who = "Somebody" if people == 1 else f"{people} people"
    content: dict[str, object] = {"aps": {"alert": f"{who} {_WORDS[kind]}"}, "kind": kind}
    if photo_id is not None:
        content["photo_id"] = str(photo_id)
    return json.dumps(content, separators=(",", ":")).encode()
