"""Limits of attempts on a real Redis."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest

from service.domain.errors import UnavailableError
from service.stores.limits import Limits, Rules
from service.stores.redis import connect_redis
from tests.servers import Servers, free_port

RULES = Rules(logins_per_minute_and_name=3, logins_per_minute_and_address=5, signups_per_hour_and_address=2)


@pytest.fixture
def limits(servers: Servers) -> Iterator[Limits]:
    """Limits of which nothing is used up."""
    client = connect_redis(servers.redis_url, 2)
    client.flushdb()
    yield Limits(client, RULES)
    client.close()


def test_a_name_is_tried_so_often_from_wherever(limits: Limits) -> None:
    waits = [limits.count_log_in("ada", f"192.0.2.{number}") for number in range(4)]
    assert waits[:3] == [0, 0, 0]
    assert 50 < waits[3] <= 60
    assert limits.count_log_in("bob", "192.0.2.1") == 0


def test_an_address_tries_so_many_names(limits: Limits) -> None:
    waits = [limits.count_log_in(f"name{number}", "192.0.2.1") for number in range(6)]
    assert waits[:5] == [0] * 5
    assert waits[5] > 0
    assert limits.count_log_in("name9", "192.0.2.2") == 0


def test_an_address_signs_up_so_often_an_hour(limits: Limits) -> None:
    waits = [limits.count_sign_up("192.0.2.1") for _ in range(3)]
    assert waits[:2] == [0, 0]
    assert 3500 < waits[2] <= 3600


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("", "no address", True),
    ],
)
def test_what_is_one_client(limits: Limits, first: str, second: str, same: bool) -> None:
    assert [limits.count_sign_up(first) for _ in range(2)] == [0, 0]
    assert (limits.count_sign_up(second) > 0) is same


def test_exempt_networks_are_not_counted(servers: Servers) -> None:
    client = connect_redis(servers.redis_url, 2)
    client.flushdb()
    limits = Limits(client, replace(RULES, exempt=(ip_network("127.0.0.0/8"), ip_network("::1/128"))))
    for address in ("127.0.0.9", "::1", "::ffff:127.0.0.1"):
        assert [limits.count_sign_up(address) for _ in range(5)] == [0] * 5
        assert [limits.count_log_in("ada", address) for _ in range(9)] == [0] * 9
    assert client.keys("*") == []
    assert limits.count_log_in("ada", "10.0.0.1") == 0
    client.close()


def test_without_redis_nobody_gets_in() -> None:
    limits = Limits(connect_redis(f"redis://127.0.0.1:{free_port()}/0", 0.2), RULES)
    with pytest.raises(UnavailableError):
        limits.count_log_in("ada", "192.0.2.1")
    with pytest.raises(UnavailableError):
        limits.count_sign_up("192.0.2.1")
