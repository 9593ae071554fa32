"""The messages that are sent back, and how what the domain knows becomes them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from flask import Response
from werkzeug.datastructures import Headers

from service.domain.entities import Comment, Event, Kind, LikeOutcome, Profile
from service.domain.pages import Page
from service.domain.photos import PhotoView, Upload
from service.routes.messages import Id

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# Everything is for the one who asks and as of now: no cache may keep it, no page may show it in a frame.
HEADERS = (
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
)

Moment = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
Count = Annotated[int, msgspec.Meta(ge=0)]


class SignedUp(msgspec.Struct):
    """Who has signed up, with a token for his session."""

    id: Id
    username: str
    token: str


class LoggedIn(msgspec.Struct):
    """Who has logged in, with a token for his session."""

    user_id: Id
    token: str


class UploadAnswer(msgspec.Struct):
    """How to put an object into the store: with this method, to this URL, with exactly these headers."""

    upload_id: Id
    method: str
    url: str
    headers: dict[str, str]
    expires_at: Moment


class PhotoAnswer(msgspec.Struct):
    """A photo; its URLs are for good, `thumbnail_url` is null until the thumbnail is made."""

    id: Id
    owner_id: Id
    caption: str
    url: str
    thumbnail_url: str | None
    likes: Count
    created_at: Moment


class PhotosAnswer(msgspec.Struct):
    """A page of photos, newest first; `next` is null on the last."""

    photos: list[PhotoAnswer]
    next: Id | None


class LikeAnswer(msgspec.Struct):
    """A photo's likes after one was given or taken back."""

    photo_id: Id
    likes: Count


class CommentAnswer(msgspec.Struct):
    """What somebody wrote under a photo."""

    id: Id
    photo_id: Id
    author_id: Id
    text: str
    created_at: Moment


class CommentsAnswer(msgspec.Struct):
    """A page of comments, oldest first; `next` is null on the last."""

    comments: list[CommentAnswer]
    next: Id | None


class ProfileAnswer(msgspec.Struct):
    """A user as others see him."""

    id: Id
    username: str
    photos: Count
    followers: Count
    following: Count
    created_at: Moment


class FollowAnswer(msgspec.Struct):
    """Whether the user who asks now follows this one."""

    user_id: Id
    following: bool


class FollowersAnswer(msgspec.Struct):
    """A page of ids of followers; `next` is null on the last."""

    followers: list[Id]
    next: Id | None


class EventAnswer(msgspec.Struct):
    """Something that happened to a user: a like or a comment on a photo of his, or a new follower."""

    kind: Kind
    actor_id: Id
    photo_id: Id | None
    at: Moment


class ActivityAnswer(msgspec.Struct):
    """A page of what happened, newest first; `next` is null on the last."""

    events: list[EventAnswer]
    next: str | None


class HealthAnswer(msgspec.Struct):
    """That all is well."""

    status: str


class ErrorDetail(msgspec.Struct):
    """`code` is for programs, `message` for people."""

    code: str
    message: str


class ErrorAnswer(msgspec.Struct):
    """Why a request was refused or failed."""

    error: ErrorDetail


class UnreadyAnswer(msgspec.Struct):
    """Which stores were not reached."""

    error: ErrorDetail
    unreached: list[str]


class _PreparedHeaders(Headers):
    """HEADERS and the length of a body, which need no checks: werkzeug would copy and check them one by one, twice."""

    def __init__(self, length: int) -> None:
        self._list = [*HEADERS, ("Content-Length", str(length))]


class _Json(Response):
    """A body in one piece, with all of its headers."""

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> Headers:  # noqa: ARG002
        """What is sent as it is: there is no URL in it that would have to be made absolute."""
        return self.headers

    def get_app_iter(self, environ: "WSGIEnvironment") -> Iterable[bytes]:
        """The body, without what would tell that it has been sent: nobody asks for that."""
        return () if environ["REQUEST_METHOD"] == "HEAD" else self.response  # type: ignore[return-value]  # never text


def answer(status: int, content: Any) -> Response:
    """A JSON response."""
    body = msgspec.json.encode(content)
    return _Json([body], status, _PreparedHeaders(len(body)))


def answer_nothing() -> Response:
    """A response without a body."""
    return Response(status=204, headers=HEADERS[1:])


def photo(view: PhotoView) -> PhotoAnswer:
    """A photo's message."""
    return PhotoAnswer(
        id=str(view.photo.id),
        owner_id=str(view.photo.owner_id),
        caption=view.photo.caption,
        url=view.url,
        thumbnail_url=view.thumbnail_url,
        likes=view.state.likes,
        created_at=written(view.photo.created_at),
    )


def photos(page: Page[PhotoView, int]) -> PhotosAnswer:
    """The message of a page of photos."""
    return PhotosAnswer([photo(view) for view in page.items], _position(page.next))


def upload(asked: Upload) -> UploadAnswer:
    """The message of a leave to upload."""
    link = asked.link
    return UploadAnswer(str(asked.id), "PUT", link.url, link.headers, written(link.expires_at))


def like(photo_id: int, outcome: LikeOutcome) -> LikeAnswer:
    """The message of a like."""
    return LikeAnswer(str(photo_id), outcome.likes)


def comment(one: Comment) -> CommentAnswer:
    """A comment's message."""
    return CommentAnswer(str(one.id), str(one.photo_id), str(one.author_id), one.text, written(one.created_at))


def comments(page: Page[Comment, int]) -> CommentsAnswer:
    """The message of a page of comments."""
    return CommentsAnswer([comment(one) for one in page.items], _position(page.next))


def profile(of: Profile) -> ProfileAnswer:
    """A user's message."""
    return ProfileAnswer(str(of.user_id), of.username, of.photos, of.followers, of.following, written(of.created_at))


def followers(page: Page[int, int]) -> FollowersAnswer:
    """The message of a page of followers."""
    return FollowersAnswer([str(number) for number in page.items], _position(page.next))


def activity(page: Page[Event, float]) -> ActivityAnswer:
    """The message of a page of what happened."""
    events = [
        EventAnswer(
            event.kind,
            str(event.actor_id),
            None if event.photo_id is None else str(event.photo_id),
            written(datetime.fromtimestamp(event.at, UTC)),
        )
        for event in page.items
    ]
    return ActivityAnswer(events, None if page.next is None else f"{page.next:.6f}")


def written(moment: datetime) -> str:
    """A moment as ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _position(number: int | None) -> str | None:
    return None if number is None else str(number)
