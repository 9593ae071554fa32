"""The roots of everything that the instrument raises."""


class LikestormError(Exception):
    """Something failed; the message says what in one line (exit status 1)."""


class UsageError(LikestormError):
    """The command line, a file or a target is not usable as given (exit status 2)."""
