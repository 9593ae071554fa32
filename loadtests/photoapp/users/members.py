"""Members of the photo app: they like, upload, comment and sign up."""

import itertools
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec
from likestorm.generator.arrivals import OpenModelUser
from likestorm.results.ledger import Journal
from locust.contrib.fasthttp import FastResponse

from compose.fakes.received import NETWORKS
from loadtests.photoapp.users.manifest import Account, Manifest

CREATED = 201


@cache
def _read_manifest(path: str) -> Manifest:
    return msgspec.json.decode(Path(path).read_bytes(), type=Manifest)


@cache
def _popularity(ranks: int) -> list[float]:
    """Cumulative weights of Zipf's law with exponent 1 for a number of ranks."""
    return list(itertools.accumulate(1 / rank for rank in range(1, ranks + 1)))


@cache
def _jpeg(path: str) -> bytes:
    return Path(path).read_bytes()


class Member(OpenModelUser):
    """A logged-in user of the seeded population, drawn at random for each arrival."""

    abstract = True

    def like(self) -> None:
        """Like a photo, popular ones more often."""
        self._like_as(self._member(), self._photo_id())

    def upload(self) -> None:
        """Upload a photo as the app does: request a signed URL, put the JPEG there, confirm it."""
        self._upload({})

    def upload_shared(self) -> None:
        """Upload a photo and share it to another network."""
        self._upload({"caption": "here #now", "share_to": [self.choices.choice(NETWORKS)]})

    def comment(self) -> None:
        """Comment on a photo, popular ones more often; the text is unique to the run."""
        member, photo = self._member(), self._photo_id()
        words = f"{self.plan.run_id} says {self.number}"
        comments, effect = self._journal("comments"), f"{member.id}:{photo}:{words}"
        comments.attempted.add(effect)
        url, headers = f"/photos/{photo}/comments", bearer(member.token)
        settle(comments, effect, self.client.post(url, json={"text": words}, name="comment", headers=headers))

    def signup(self) -> None:
        """Sign up under a name that is unique to the run."""
        self._sign_up("s")

    @property
    def _manifest(self) -> Manifest:
        """The seeded data of the target."""
        return _read_manifest(self.plan.manifest)

    def _member(self) -> Account:
        """A random logged-in user."""
        return self.choices.choice(self._manifest.users)

    def _star(self) -> Account:
        """A user to view or follow, popular ones more often."""
        users = self._manifest.users
        [chosen] = self.choices.choices(users, cum_weights=_popularity(len(users)))
        return chosen

    def _photo_id(self) -> str:
        """The id of a photo, popular ones more often."""
        photos = self._manifest.photos
        [chosen] = self.choices.choices(photos, cum_weights=_popularity(len(photos)))
        return chosen

    def _like_as(self, member: Account, photo: str) -> None:
        """Like a photo; only a new like counts as acknowledged."""
        likes = self._journal("likes")
        effect = f"{member.id}:{photo}"
        likes.attempted.add(effect)
        response = self.client.put(f"/photos/{photo}/like", name="like", headers=bearer(member.token))
        if response.status_code == CREATED:
            likes.acknowledged.add(effect)
        elif is_answer(response):
            likes.declined.add(effect)

    def _sign_up(self, kind: str) -> Account | None:
        """Sign up a new user; returns the account, None on failure. `kind` separates users with equal numbers."""
        username = f"{self.plan.run_id}_{kind}{self.number}"
        users = self._journal("users")
        users.attempted.add(username)
        wanted = {"username": username, "password": f"{self.choices.getrandbits(64):016x}"}
        answer = self.client.post("/users", json=wanted, name="signup")
        if not settle(users, username, answer):
            return None
        created = answer.json()
        return Account(created["id"], created["token"])

    def _upload(self, more: Mapping[str, object]) -> None:
        member = self._member()
        jpeg = _jpeg(self.choices.choice(self._manifest.jpegs))
        wanted = {"content_type": "image/jpeg", "content_length": len(jpeg)}
        answer = self.client.post("/uploads", json=wanted, name="upload-ask", headers=bearer(member.token))
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
        if not settle(objects, key, stored):
            return
        photos.attempted.add(photo)
        confirmed = self.client.post(
            "/photos", json={"upload_id": photo, **more}, name="upload-confirm", headers=bearer(member.token)
        )
        settle(photos, photo, confirmed)

    def _journal(self, name: str) -> Journal:
        """The journal of one set of effects, for the ledger."""
        return self.journals.setdefault(name, Journal())


def bearer(token: str) -> dict[str, str]:
    """The header with the session's token."""
    return {"Authorization": f"Bearer {token}"}


def settle(journal: Journal, effect: str, response: FastResponse) -> bool:
    """Note an answer about an effect in the journal; True if the effect is acknowledged."""
    acknowledged = 200 <= response.status_code < 300
    if acknowledged:
        journal.acknowledged.add(effect)
    elif is_answer(response):
        journal.declined.add(effect)
    return acknowledged


def is_answer(response: FastResponse) -> bool:
    """Whether the answer tells if the effect was stored; a 5xx or a missing answer does not."""
    return 200 <= response.status_code < 500
