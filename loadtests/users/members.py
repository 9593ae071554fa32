"""Members of the photo-sharing app: they like, they upload, they sign up."""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path

import msgspec
from locust.contrib.fasthttp import FastResponse

from loadtests.arrivals import OpenModelUser
from loadtests.ledger import Journal
from loadtests.plan import Manifest

CREATED = 201


@cache
def _manifest(path: str) -> Manifest:
    return msgspec.json.decode(Path(path).read_bytes(), type=Manifest)


@cache
def _popularity(photos: int) -> list[float]:
    """Cumulative weights of Zipf's law with exponent 1 over so many ranks."""
    return list(itertools.accumulate(1 / rank for rank in range(1, photos + 1)))


@cache
def _jpeg(path: str) -> bytes:
    return Path(path).read_bytes()


class Member(OpenModelUser):
    """A logged-in user of the seeded population, drawn anew for each arrival."""

    abstract = True

    def like(self) -> None:
        """Like a photo, the popular ones more often. Counts as acknowledged only where the like is new."""
        manifest = _manifest(self.plan.manifest)
        member = self.choices.choice(manifest.users)
        [photo] = self.choices.choices(manifest.photos, cum_weights=_popularity(len(manifest.photos)))
        likes = self._journal("likes")
        effect = f"{member.id}:{photo}"
        likes.attempted.add(effect)
        response = self.client.put(f"/photos/{photo}/like", name="like", headers=_bearer(member.token))
        if response.status_code == CREATED:
            likes.acknowledged.add(effect)
        elif _is_answer(response):
            likes.declined.add(effect)

    def upload(self) -> None:
        """Upload a photo as the app does: ask for an address, put the JPEG there, confirm it."""
        manifest = _manifest(self.plan.manifest)
        member = self.choices.choice(manifest.users)
        jpeg = _jpeg(self.choices.choice(manifest.jpegs))
        wanted = {"content_type": "image/jpeg", "content_length": len(jpeg)}
        answer = self.client.post("/uploads", json=wanted, name="upload-ask", headers=_bearer(member.token))
        if answer.status_code != CREATED:
            return
        ticket = answer.json()
        photo = ticket["upload_id"]
        key = f"photos/{member.id}/{photo}.jpg"
        objects, photos = self._journal("objects"), self._journal("photos")
        objects.attempted.add(key)
        stored = self.client.put(
            ticket["url"],
            data=jpeg,  # type: ignore[arg-type]  # Locust's hint forgets bytes
            name="upload-put",
            headers=ticket["headers"],
        )
        if not _settle(objects, key, stored):
            return
        photos.attempted.add(photo)
        confirmed = self.client.post(
            "/photos", json={"upload_id": photo}, name="upload-confirm", headers=_bearer(member.token)
        )
        _settle(photos, photo, confirmed)

    def signup(self) -> None:
        """Sign up under a name that no other run has used."""
        username = f"{self.plan.run_id}_{self.number}"
        users = self._journal("users")
        users.attempted.add(username)
        wanted = {"username": username, "password": f"{self.choices.getrandbits(64):016x}"}
        _settle(users, username, self.client.post("/users", json=wanted, name="signup"))

    def _journal(self, name: str) -> Journal:
        return self.journals.setdefault(name, Journal())


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _settle(journal: Journal, effect: str, response: FastResponse) -> bool:
    """Note what the answer says of an effect; True where it was acknowledged."""
    acknowledged = 200 <= response.status_code < 300
    if acknowledged:
        journal.acknowledged.add(effect)
    elif _is_answer(response):
        journal.declined.add(effect)
    return acknowledged


def _is_answer(response: FastResponse) -> bool:
    """Whether the target said what it did: after a 5xx, or no answer at all, nobody knows."""
    return 200 <= response.status_code < 500
