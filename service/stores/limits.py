"""Limits on log-ins and sign-ups, counted in Redis for all instances together.

Without Redis log-ins fail: a session could not be opened either, and a limit that fails open would invite attacks on
Redis.
"""

import hashlib
import ipaddress
import time
from collections.abc import Sequence
from dataclasses import dataclass

import redis
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter

from service.stores.redis import needs_redis

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Rules:
    """The most attempts there may be; those from `exempt` networks are not counted."""

    logins_per_minute_and_name: int
    logins_per_minute_and_address: int
    signups_per_hour_and_address: int
    exempt: Sequence[Network] = ()


class Limits:
    """Moving windows over attempts, whether they succeed or not; one that is refused does not count."""

    def __init__(self, client: redis.Redis, rules: Rules) -> None:
        # The address is that of the pool, which has been given.
        storage = RedisStorage("redis://", connection_pool=client.connection_pool, key_prefix="limits")
        self._limiter = MovingWindowRateLimiter(storage)
        self._by_name = RateLimitItemPerMinute(rules.logins_per_minute_and_name, namespace="name")
        self._by_address = RateLimitItemPerMinute(rules.logins_per_minute_and_address, namespace="address")
        self._signups = RateLimitItemPerHour(rules.signups_per_hour_and_address, namespace="signup")
        self._exempt = rules.exempt

    def count_log_in(self, username: str, address: str) -> float:
        """One attempt with this name from this address; the seconds until another is welcome, 0 when this one is."""
        if self._is_exempt(address):
            return 0.0
        return self._count(self._by_address, _network(address)) or self._count(
            self._by_name, hashlib.sha256(username.encode()).hexdigest()
        )

    def count_sign_up(self, address: str) -> float:
        """One attempt from this address; the seconds until another is welcome, 0 when this one is."""
        return 0.0 if self._is_exempt(address) else self._count(self._signups, _network(address))

    @needs_redis
    def _count(self, limit: RateLimitItem, subject: str) -> float:
        if self._limiter.hit(limit, subject):
            return 0.0
        return max(1.0, self._limiter.get_window_stats(limit, subject).reset_time - time.time())

    def _is_exempt(self, address: str) -> bool:
        if not self._exempt:
            return False
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._exempt)


def _network(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 that an IPv6 subscriber has to himself."""
    parsed = _parsed(address)
    if parsed is None:
        return "unknown"
    return str(parsed) if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if parsed.version == 6 else None
    return mapped or parsed
