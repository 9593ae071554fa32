"""Devices: where a user receives push notifications."""

import re

from service.domain.errors import MalformedError
from service.domain.ports import DeviceStore

# The push service's tokens are opaque; so much is known of them: up to 100 bytes, written in hexadecimal.
_TOKEN = re.compile(r"(?:[0-9a-f]{2}){32,100}")


class Devices:
    """Adding and removing one's own devices; both may be repeated without effect."""

    def __init__(self, devices: DeviceStore) -> None:
        self._devices = devices

    def add(self, user_id: int, token: str) -> None:
        """Tell this device of things from now on; MalformedError when it is no device's token."""
        self._devices.add_device(user_id, _checked(token))

    def remove(self, user_id: int, token: str) -> None:
        """Tell this device no more, as when its user logs out; MalformedError when it is no device's token."""
        self._devices.remove_device(user_id, _checked(token))


def _checked(token: str) -> str:
    token = token.lower()
    if not _TOKEN.fullmatch(token):
        raise MalformedError("token must be 64 to 200 hexadecimal digits")
    return token
