"""memcached: photos, which never change, and their states, filled under a lease."""

import secrets
from collections.abc import Sequence
from typing import Any

import msgspec
from pymemcache.client.base import PooledClient
from pymemcache.client.rendezvous import RendezvousHash
from pymemcache.exceptions import MemcacheError

from service.domain.errors import UnavailableError
from service.domain.records import Photo, PhotoState

PHOTO_TTL_S = 86_400
STATE_TTL_S = 60
"""For how long a state may be stale when the deletion that a like sends is lost with its memcached server."""
LEASE_TTL_S = 2
LONGEST_WAIT_S = 0.5
"""Less than other stores get: whatever the cache does not answer, the database does."""

_LEASE = b"lease:"
_encode = msgspec.msgpack.encode
_decode_photo = msgspec.msgpack.Decoder(Photo).decode
_decode_state = msgspec.msgpack.Decoder(PhotoState).decode


class PhotoCache:
    """Entries spread over all servers by their keys.

    There is no circuit breaker as in pymemcache's HashClient: it would skip the deletions that keep states true, and
    it is not safe between threads. A server that is down refuses at once, one that hangs costs `timeout` seconds,
    or LONGEST_WAIT_S.
    """

    def __init__(self, servers: Sequence[tuple[str, int]], timeout: float) -> None:
        timeout = min(timeout, LONGEST_WAIT_S)
        self._nodes = {
            f"{host}:{port}": PooledClient((host, port), connect_timeout=timeout, timeout=timeout, no_delay=True)
            for host, port in servers
        }
        self._ring = RendezvousHash(list(self._nodes))

    def get_photo(self, photo_id: int) -> Photo | None:
        """A cached photo."""
        value = self._do("get", f"photo:{photo_id}")
        return None if value is None else _decode_photo(value)

    def put_photo(self, photo: Photo) -> None:
        """Cache a photo."""
        self._do("set", f"photo:{photo.id}", _encode(photo), expire=PHOTO_TTL_S)

    def get_state(self, photo_id: int) -> PhotoState | None:
        """A cached state."""
        value = self._do("get", f"state:{photo_id}")
        return None if value is None or value.startswith(_LEASE) else _decode_state(value)

    def lease_state(self, photo_id: int) -> bytes | None:
        """The right to fill the entry once, None while somebody else holds it."""
        key, mark = f"state:{photo_id}", _LEASE + secrets.token_bytes(8)
        if not self._do("add", key, mark, expire=LEASE_TTL_S, noreply=False):
            return None
        value, version = self._do("gets", key)
        return version if value == mark else None

    def fill_state(self, photo_id: int, state: PhotoState, lease: bytes) -> None:
        """Store the entry unless it was forgotten since the lease was taken."""
        self._do("cas", f"state:{photo_id}", _encode(state), lease, expire=STATE_TTL_S)

    def forget_state(self, photo_id: int) -> None:
        """Drop a state, or the lease on it, and know that it is done."""
        self._do("delete", f"state:{photo_id}", noreply=False)

    def flush(self) -> None:
        """Drop all entries on all servers."""
        for node in self._nodes.values():
            _call(node, "flush_all", noreply=False)

    def ping(self) -> None:
        """Reach every server; UnavailableError when one does not answer."""
        for node in self._nodes.values():
            _call(node, "version")

    def close(self) -> None:
        """Close all connections."""
        for node in self._nodes.values():
            node.close()

    def _do(self, command: str, key: str, *args: object, **options: object) -> Any:
        # With one server there is nothing to choose, and the hash is plain Python: 17 µs each time.
        node = self._ring.get_node(key) if len(self._nodes) > 1 else next(iter(self._nodes))
        return _call(self._nodes[node], command, key, *args, **options)


def _call(node: PooledClient, command: str, *args: object, **options: object) -> Any:
    try:
        return getattr(node, command)(*args, **options)
    except (OSError, MemcacheError) as error:
        raise UnavailableError("memcached", error) from error
