"""memcached: photos, which never change, and their states, filled under a lease."""

import time
from collections.abc import Sequence
from zlib import crc32

import msgspec

from service.domain.entities import Photo, PhotoState
from service.domain.errors import UnavailableError
from service.stores.memcached_servers import Address, Ring, Server

PHOTO_TTL_S = 86_400
STATE_TTL_S = 60
"""For how long a state may be stale at worst: when the process that owes a deletion to a hung server dies."""
LEASE_TTL_S = 2
LONGEST_WAIT_S = 0.25
"""Less than for other stores, because the database answers what the cache does not."""
FIRST_LOOK_S, LONGEST_LOOK_S = 0.001, 0.008

_encode = msgspec.msgpack.encode
_decode_photo = msgspec.msgpack.Decoder(Photo).decode
_decode_state = msgspec.msgpack.Decoder(PhotoState).decode


class PhotoCache:
    """Entries spread over all servers by their photos' ids.

    A leased state that is not filled yet is an empty entry. The server creates it and grants the lease to the first
    request only; a fill succeeds only while the entry is unchanged (compare and swap).
    """

    def __init__(self, servers: Sequence[Address], timeout: float) -> None:
        self._servers = [Server(address, min(timeout, LONGEST_WAIT_S)) for address in servers]
        self._ring = Ring(servers)

    def get_photo(self, photo_id: int) -> Photo | None:
        """A cached photo."""
        value = self._server(photo_id).call("get", f"photo:{photo_id}")
        return None if value is None else _decode_photo(value)

    def get_photos(self, photo_ids: Sequence[int]) -> dict[int, Photo]:
        """Those that are there, one round trip a server; a server that is away has none."""
        return {number: _decode_photo(value) for number, value in self._get_many("photo", photo_ids).items()}

    def put_photo(self, photo: Photo) -> None:
        """Cache a photo."""
        self._server(photo.id).call("set", f"photo:{photo.id}", _encode(photo), expire=PHOTO_TTL_S)

    def get_state(self, photo_id: int) -> PhotoState | None:
        """A cached state."""
        value = self._server(photo_id).call("get", f"state:{photo_id}")
        return _decode_state(value) if value else None

    def get_states(self, photo_ids: Sequence[int]) -> dict[int, PhotoState]:
        """Those that are there, one round trip a server; a server that is away has none."""
        found = self._get_many("state", photo_ids)
        return {number: _decode_state(value) for number, value in found.items() if value}

    def lease_state(self, photo_id: int) -> bytes | None:
        """The right to fill the entry once, None while another reader holds it."""
        line = self._server(photo_id).call("raw_command", b"mg state:%d c N%d" % (photo_id, LEASE_TTL_S))
        # "HD c<version>", then " W" with the lease, " Z" without.
        return line[4:-2] if line.endswith(b" W") else None

    def await_state(self, photo_id: int, longest: float) -> PhotoState | None:
        """The state when the lease's holder has filled it; None when the lease is lost or after `longest` seconds."""
        deadline = time.monotonic() + longest
        pause = FIRST_LOOK_S
        while True:
            value = self._server(photo_id).call("get", f"state:{photo_id}")
            if value or value is None:
                return _decode_state(value) if value else None
            if time.monotonic() + pause > deadline:
                return None
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_LOOK_S)

    def fill_state(self, photo_id: int, state: PhotoState, lease: bytes) -> None:
        """Store the entry unless it was forgotten since the lease was taken."""
        self._server(photo_id).call("cas", f"state:{photo_id}", _encode(state), lease, expire=STATE_TTL_S)

    def forget_state(self, photo_id: int) -> None:
        """Delete a state or the lease on it, and wait for the server's confirmation."""
        self._server(photo_id).delete(f"state:{photo_id}")

    def flush(self) -> None:
        """Drop all entries on all servers."""
        for server in self._servers:
            server.call("flush_all", noreply=False)

    def ping(self) -> None:
        """Reach every server; UnavailableError when one does not answer."""
        for server in self._servers:
            server.call("version")

    def close(self) -> None:
        """Close all connections."""
        for server in self._servers:
            server.close()

    def _server(self, photo_id: int) -> Server:
        return self._servers[self._ring.find(crc32(b"%d" % photo_id))]

    def _get_many(self, kind: str, photo_ids: Sequence[int]) -> dict[int, bytes]:
        """UnavailableError only when no server answers."""
        keys: dict[Server, dict[str, int]] = {}
        for photo_id in photo_ids:
            keys.setdefault(self._server(photo_id), {})[f"{kind}:{photo_id}"] = photo_id
        found: dict[int, bytes] = {}
        failures: list[UnavailableError] = []
        for server, ids in keys.items():
            try:
                values = server.call("get_many", list(ids))
            except UnavailableError as error:
                failures.append(error)
            else:
                found |= {ids[key]: value for key, value in values.items()}
        if failures and len(failures) == len(keys):
            raise failures[0]
        return found
