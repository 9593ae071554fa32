"""Members who read feeds, photos and profiles, and members of a flash crowd."""

from loadtests.photoapp.users.manifest import Account
from loadtests.photoapp.users.members import Member, bearer, settle

OK = 200
FOLLOWED_AT_FIRST = 3


class Browser(Member):
    """A member who reads more than writes."""

    abstract = True

    def feed(self) -> None:
        """Open the feed and its second page."""
        member = self._member()
        cursor = self._open_feed(member)
        if cursor:
            self.client.get(f"/feed?before={cursor}", name="feed-older", headers=bearer(member.token))

    def photo(self) -> None:
        """View a photo, popular ones more often: its metadata, then the image from the edge."""
        self._look(self._member(), self._photo_id())

    def profile(self) -> None:
        """View the profile and the photos of a user, popular ones more often."""
        headers, star = bearer(self._member().token), self._star()
        self.client.get(f"/users/{star.id}", name="profile", headers=headers)
        self.client.get(f"/users/{star.id}/photos", name="profile-photos", headers=headers)

    def comments(self) -> None:
        """Read the comments on a photo, popular ones more often."""
        headers = bearer(self._member().token)
        self.client.get(f"/photos/{self._photo_id()}/comments", name="comments", headers=headers)

    def crowd_like(self) -> None:
        """Like the photo of the flash crowd, each time as another user."""
        users = self._manifest.users
        self._like_as(users[self.number % len(users)], self._manifest.photos[0])

    def crowd_look(self) -> None:
        """View the photo of the flash crowd."""
        self._look(self._member(), self._manifest.photos[0])

    def join(self) -> None:
        """Sign up, follow a few users, and view the feed and a photo."""
        newcomer = self._sign_up("j")
        if newcomer is None:
            return
        for star in dict.fromkeys(self._star().id for _ in range(FOLLOWED_AT_FIRST)):
            self._follow(newcomer, star)
        self._open_feed(newcomer)
        self._look(newcomer, self._photo_id())

    def _open_feed(self, member: Account) -> str | None:
        """Open the feed; returns the cursor of the second page, None without one."""
        answer = self.client.get("/feed", name="feed", headers=bearer(member.token))
        cursor: str | None = answer.json()["next"] if answer.status_code == OK else None
        return cursor

    def _look(self, member: Account, photo: str) -> None:
        answer = self.client.get(f"/photos/{photo}", name="photo", headers=bearer(member.token))
        if answer.status_code == OK:
            photo_facts = answer.json()
            self.client.get(photo_facts["thumbnail_url"] or photo_facts["url"], name="view")

    def _follow(self, member: Account, star: str) -> None:
        follows = self._journal("follows")
        effect = f"{member.id}:{star}"
        follows.attempted.add(effect)
        settle(follows, effect, self.client.put(f"/users/{star}/follow", name="follow", headers=bearer(member.token)))
