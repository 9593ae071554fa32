"""The base classes of the instrument's errors."""


class LikestormError(Exception):
    """A failure; the message describes it in one line (exit status 1)."""


class UsageError(LikestormError):
    """An unusable command line, file or target (exit status 2)."""
