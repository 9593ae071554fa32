"""The bodies and queries of requests, their constraints, and how they are read."""

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from flask import request

from service.domain import ids
from service.domain.errors import MalformedError, NotFoundError
from service.domain.pages import LONGEST_PAGE

DEFAULT_PAGE = 20


def _text(largest: int, pattern: str, least: int = 0) -> msgspec.Meta:
    # Not ^ and $: Python's $ lets a newline follow.
    return msgspec.Meta(min_length=least, max_length=largest, pattern=rf"\A{pattern}\Z")


# PostgreSQL's text accepts every character but NUL.
_ANYTHING = r"[^\x00]*"
DeviceToken = Annotated[str, _text(200, "(?:[0-9a-fA-F]{2})+", least=64)]
Id = Annotated[str, msgspec.Meta(pattern="^[0-9]{1,19}$", examples=["3847561029384756"])]


class SignUp(msgspec.Struct):
    """The body of POST /users."""

    username: Annotated[str, _text(64, "[A-Za-z0-9._-]+", least=1)]
    password: Annotated[str, msgspec.Meta(min_length=8, max_length=128)]


class LogIn(msgspec.Struct):
    """The body of POST /sessions."""

    username: Annotated[str, _text(128, _ANYTHING)]
    password: Annotated[str, msgspec.Meta(max_length=128)]


class AskUpload(msgspec.Struct):
    """The body of POST /uploads; `content_length` in bytes."""

    content_type: Literal["image/jpeg"]
    content_length: Annotated[int, msgspec.Meta(ge=1)]


class ConfirmUpload(msgspec.Struct):
    """The body of POST /photos; `share_to` names other networks to post the photo to."""

    upload_id: Annotated[str, msgspec.Meta(max_length=64)]
    caption: Annotated[str, _text(2200, _ANYTHING)] = ""
    share_to: Annotated[list[Annotated[str, msgspec.Meta(max_length=64)]], msgspec.Meta(max_length=8)] = []


class WriteComment(msgspec.Struct):
    """The body of POST /photos/<id>/comments."""

    text: Annotated[str, _text(2200, _ANYTHING, least=1)]


class RegisterDevice(msgspec.Struct):
    """The body of POST /devices; `token` is the push service's token of the device, in hexadecimal digits."""

    token: DeviceToken


class Before(msgspec.Struct):
    """The page of a list in descending order; `before` is the `next` of the previous page."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_PAGE)] = DEFAULT_PAGE
    before: Id = ""


class After(msgspec.Struct):
    """The page of a list in ascending order; `after` is the `next` of the previous page."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_PAGE)] = DEFAULT_PAGE
    after: Id = ""


class BeforeMoment(msgspec.Struct):
    """The page of a list of events; `before` is the `next` of the previous page, in seconds since 1970."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_PAGE)] = DEFAULT_PAGE
    before: Annotated[str, _text(20, r"[0-9]{1,10}(?:\.[0-9]{1,6})?")] = ""


Message = TypeVar("Message")


def read(body: type[Message]) -> Message:
    """The request's body; MalformedError describes what is wrong with it."""
    data = request.get_data(cache=False)
    try:
        return msgspec.json.decode(data, type=body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedError(str(error)) from error
    except RecursionError as error:
        raise MalformedError("too deeply nested") from error


def read_query(query: type[Message]) -> Message:
    """The request's query; the first of repeated names counts, unknown names are ignored."""
    values: dict[str, Any] = request.args.to_dict()
    limit = values.get("limit")
    if isinstance(limit, str) and not (limit.isascii() and limit.isdigit() and len(limit) <= 9):
        raise MalformedError("limit must be a whole number")
    try:
        return msgspec.convert(values, query, strict=False)
    except msgspec.MsgspecError as error:
        raise MalformedError(str(error)) from error


def read_position(text: str) -> int | None:
    """The id at which a page begins, None for the first page; MalformedError when the text is no id."""
    position = ids.parse(text)
    if text and position is None:
        raise MalformedError("the position of a page is the `next` of another page")
    return position


def read_id(text: str) -> int:
    """The id in a URL or body; NotFoundError when the text cannot be an id."""
    number = ids.parse(text)
    if number is None:
        raise NotFoundError(f"no such id: {text[:40]!r}")
    return number
