"""Request bodies and their rules, and how answers become JSON."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from flask import Response, request

from service.domain import ids
from service.domain.errors import MalformedError, NotFoundError
from service.domain.photos import PhotoView

Username = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9._-]{1,64}\Z")]
# PostgreSQL's text holds everything but NUL.
Caption = Annotated[str, msgspec.Meta(max_length=2200, pattern=r"\A[^\x00]*\Z")]


class SignUp(msgspec.Struct):
    """The body of POST /users."""

    username: Username
    password: Annotated[str, msgspec.Meta(min_length=8, max_length=128)]


class LogIn(msgspec.Struct):
    """The body of POST /sessions."""

    username: Annotated[str, msgspec.Meta(max_length=128, pattern=r"\A[^\x00]*\Z")]
    password: Annotated[str, msgspec.Meta(max_length=128)]


class AskUpload(msgspec.Struct):
    """The body of POST /uploads."""

    content_type: Literal["image/jpeg"]
    content_length: int


class ConfirmUpload(msgspec.Struct):
    """The body of POST /photos."""

    upload_id: Annotated[str, msgspec.Meta(max_length=64)]
    caption: Caption = ""


Body = TypeVar("Body")


def read(body: type[Body]) -> Body:
    """The request's body; MalformedError says what is wrong with it."""
    data = request.get_data(cache=False)
    try:
        return msgspec.json.decode(data, type=body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedError(str(error)) from error
    except RecursionError as error:
        raise MalformedError("too deeply nested") from error


def read_id(text: str) -> int:
    """The id in a URL or body; NotFoundError when there can be no such id."""
    number = ids.parse(text)
    if number is None:
        raise NotFoundError(f"no such id: {text[:40]!r}")
    return number


def answer(status: int, content: Any) -> Response:
    """A JSON response."""
    return Response(msgspec.json.encode(content), status, content_type="application/json")


def written(moment: datetime) -> str:
    """A moment as ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def photo(view: PhotoView) -> dict[str, Any]:
    """A photo's JSON."""
    return {
        "id": str(view.photo.id),
        "owner_id": str(view.photo.owner_id),
        "caption": view.photo.caption,
        "url": view.url,
        "thumbnail_url": view.thumbnail_url,
        "likes": view.state.likes,
        "created_at": written(view.photo.created_at),
    }
