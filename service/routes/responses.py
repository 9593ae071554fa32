"""The bodies of responses, how they are made of domain objects, and how they are sent."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from flask import Response, jsonify
from flask.json.provider import JSONProvider

from service.domain.entities import Comment, Event, Kind, LikeOutcome, Profile
from service.domain.pages import Page
from service.domain.photos import PhotoView, Upload
from service.routes.request_schemas import Id

# Every response is for one user at one moment: no cache may keep it, no page may show it in a frame.
PRIVATE_HEADERS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
)

Moment = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
Count = Annotated[int, msgspec.Meta(ge=0)]


class SignedUp(msgspec.Struct):
    """The new user, with a token for the session."""

    id: Id
    username: str
    token: str


class LoggedIn(msgspec.Struct):
    """The user who logged in, with a token for the session."""

    user_id: Id
    token: str


class UploadResponse(msgspec.Struct):
    """The request that puts an object into the store: its method, its URL and exactly its headers."""

    upload_id: Id
    method: str
    url: str
    headers: dict[str, str]
    expires_at: Moment


class PhotoResponse(msgspec.Struct):
    """A photo; its URLs never change, `thumbnail_url` is null until the thumbnail exists."""

    id: Id
    owner_id: Id
    caption: str
    url: str
    thumbnail_url: str | None
    likes: Count
    created_at: Moment


class PhotosResponse(msgspec.Struct):
    """A page of photos, newest first; `next` is null on the last."""

    photos: list[PhotoResponse]
    next: Id | None


class LikeResponse(msgspec.Struct):
    """A photo's likes after a like was added or removed."""

    photo_id: Id
    likes: Count


class CommentResponse(msgspec.Struct):
    """A comment on a photo."""

    id: Id
    photo_id: Id
    author_id: Id
    text: str
    created_at: Moment


class CommentsResponse(msgspec.Struct):
    """A page of comments, oldest first; `next` is null on the last."""

    comments: list[CommentResponse]
    next: Id | None


class ProfileResponse(msgspec.Struct):
    """A user's public profile."""

    id: Id
    username: str
    photos: Count
    followers: Count
    following: Count
    created_at: Moment


class FollowResponse(msgspec.Struct):
    """Whether the current user follows `user_id` now."""

    user_id: Id
    following: bool


class FollowersResponse(msgspec.Struct):
    """A page of ids of followers; `next` is null on the last."""

    followers: list[Id]
    next: Id | None


class EventResponse(msgspec.Struct):
    """A like or a comment on a user's photo, or a new follower."""

    kind: Kind
    actor_id: Id
    photo_id: Id | None
    at: Moment


class ActivityResponse(msgspec.Struct):
    """A page of events, newest first; `next` is null on the last."""

    events: list[EventResponse]
    next: str | None


class AliveResponse(msgspec.Struct):
    """The process is alive; `http_parser` names the server's parser and its version."""

    status: str
    http_parser: str


class ReadyResponse(msgspec.Struct):
    """Every store was reached."""

    status: str


class ErrorDetail(msgspec.Struct):
    """`code` is for programs, `message` for people."""

    code: str
    message: str


class ErrorResponse(msgspec.Struct):
    """Why a request was refused or failed."""

    error: ErrorDetail


class UnreadyResponse(msgspec.Struct):
    """Stores that did not answer."""

    error: ErrorDetail
    unreached: list[str]


class MsgspecProvider(JSONProvider):
    """Flask's JSON by msgspec, which encodes the structs above."""

    def dumps(self, obj: Any, **_kwargs: Any) -> str:
        """The object as JSON."""
        return msgspec.json.encode(obj).decode()

    def loads(self, s: str | bytes, **_kwargs: Any) -> Any:
        """The object that JSON describes; msgspec.DecodeError where it is malformed."""
        return msgspec.json.decode(s)


def respond(status: int, content: Any) -> Response:
    """A JSON response."""
    response = jsonify(content)
    response.status_code = status
    return response


def respond_empty() -> Response:
    """A response without a body."""
    return Response(status=204)


def add_private_headers(response: Response) -> Response:
    """Add PRIVATE_HEADERS, unless the view has set its own, as the HTML pages do."""
    if "Cache-Control" not in response.headers:
        response.headers.extend(PRIVATE_HEADERS)
    return response


def photo(view: PhotoView) -> PhotoResponse:
    """The body for a photo."""
    return PhotoResponse(
        id=str(view.photo.id),
        owner_id=str(view.photo.owner_id),
        caption=view.photo.caption,
        url=view.url,
        thumbnail_url=view.thumbnail_url,
        likes=view.state.likes,
        created_at=written(view.photo.created_at),
    )


def photos(page: Page[PhotoView, int]) -> PhotosResponse:
    """The body for a page of photos."""
    return PhotosResponse([photo(view) for view in page.items], _position(page.next))


def upload(asked: Upload) -> UploadResponse:
    """The body for a permission to upload."""
    link = asked.link
    return UploadResponse(str(asked.id), "PUT", link.url, link.headers, written(link.expires_at))


def like(photo_id: int, outcome: LikeOutcome) -> LikeResponse:
    """The body for a like."""
    return LikeResponse(str(photo_id), outcome.likes)


def comment(one: Comment) -> CommentResponse:
    """The body for a comment."""
    return CommentResponse(str(one.id), str(one.photo_id), str(one.author_id), one.text, written(one.created_at))


def comments(page: Page[Comment, int]) -> CommentsResponse:
    """The body for a page of comments."""
    return CommentsResponse([comment(one) for one in page.items], _position(page.next))


def profile(of: Profile) -> ProfileResponse:
    """The body for a profile."""
    return ProfileResponse(str(of.user_id), of.username, of.photos, of.followers, of.following, written(of.created_at))


def followers(page: Page[int, int]) -> FollowersResponse:
    """The body for a page of followers."""
    return FollowersResponse([str(number) for number in page.items], _position(page.next))


def activity(page: Page[Event, float]) -> ActivityResponse:
    """The body for a page of events."""
    events = [
        EventResponse(
            event.kind,
            str(event.actor_id),
            None if event.photo_id is None else str(event.photo_id),
            written(datetime.fromtimestamp(event.at, UTC)),
        )
        for event in page.items
    ]
    return ActivityResponse(events, None if page.next is None else f"{page.next:.6f}")


def written(moment: datetime) -> str:
    """A moment as ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _position(number: int | None) -> str | None:
    return None if number is None else str(number)
