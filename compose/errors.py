"""The root of everything that compose raises."""


class StackError(Exception):
    """The stack, or a part of it, cannot do what was asked; the message is one line that says which and why."""


class UsageError(StackError):
    """What was asked for makes no sense: an unknown topology, a base port out of range."""
