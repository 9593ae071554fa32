"""The root of compose's exceptions."""


class StackError(Exception):
    """The stack or a part of it failed; the message is one line that names the part and the reason."""


class UsageError(StackError):
    """Wrong usage, such as an unknown topology or a base port out of range."""
