"""The service's own exceptions; routes/errors.py turns each into a status."""


class ServiceError(Exception):
    """The root of the service's own exceptions."""


class MalformedError(ServiceError):
    """What was asked for makes no sense as it stands."""


class UnauthenticatedError(ServiceError):
    """No session, or a name and password that do not match."""


class NotFoundError(ServiceError):
    """There is no such thing, or not for this user."""


class TakenError(ServiceError):
    """The name belongs to another user."""


class CorruptImageError(ServiceError):
    """An uploaded object that is no picture; another attempt gives the same."""


class RefusedError(ServiceError):
    """An outside service refuses what it is given; another attempt gives the same."""


class UnavailableError(ServiceError):
    """A backing store that did not answer, or not in time; whether it did the work is unknown."""

    def __init__(self, store: str, cause: object) -> None:
        super().__init__(f"{store} is unavailable: {cause}")
        self.store = store


class TooManyError(ServiceError):
    """More attempts than are allowed; `retry_after`: the seconds until another one may be welcome."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("too many attempts")
        self.retry_after = retry_after
