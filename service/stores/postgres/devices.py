"""The tables of devices, each device on its user's shard."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from service.domain.ids import shard_of
from service.domain.pushes import Device
from service.stores.postgres.router import ShardRouter

MOST_DEVICES = 10
"""Of one user; the one that was added first gives way."""


class Devices:
    """Devices by user."""

    def __init__(self, shards: ShardRouter) -> None:
        self._shards = shards

    def add_device(self, user_id: int, token: str) -> None:
        """Add a device, or note that it is still there."""
        self._shards.rows(
            shard_of(user_id),
            "WITH added AS (INSERT INTO {shard}.devices (user_id, token) VALUES ($1, $2) "
            "ON CONFLICT (user_id, token) DO UPDATE SET added_at = clock_timestamp()) "
            "DELETE FROM {shard}.devices WHERE user_id = $1 AND token IN ("
            "SELECT token FROM {shard}.devices WHERE user_id = $1 AND token <> $2 ORDER BY added_at DESC OFFSET $3) "
            "RETURNING 1",
            (user_id, token, MOST_DEVICES - 1),
        )

    def remove_device(self, user_id: int, token: str) -> None:
        """Drop a device, if it is there."""
        self._shards.rows(
            shard_of(user_id),
            "DELETE FROM {shard}.devices WHERE user_id = $1 AND token = $2 RETURNING 1",
            (user_id, token),
        )

    def find_devices(self, user_ids: Sequence[int]) -> dict[int, list[str]]:
        """Tokens by user, of those who have any."""
        by_shard: dict[int, list[int]] = defaultdict(list)
        for user_id in user_ids:
            by_shard[shard_of(user_id)].append(user_id)
        rows = self._shards.gather(
            "SELECT user_id, token FROM {shard}.devices WHERE user_id = ANY({ids})", (), by_shard
        )
        devices: dict[int, list[str]] = defaultdict(list)
        for user_id, token in rows:
            devices[user_id].append(token)
        return dict(devices)

    def forget_device(self, device: Device, since: datetime | None) -> None:
        """Drop a device that is gone, unless it was added anew after `since`."""
        self._shards.rows(
            shard_of(device.user_id),
            "DELETE FROM {shard}.devices WHERE user_id = $1 AND token = $2 "
            "AND added_at <= coalesce($3::timestamptz, 'infinity') RETURNING 1",
            (device.user_id, device.token, since),
        )
