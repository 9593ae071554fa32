"""Devices on logical shards."""

from datetime import UTC, datetime, timedelta

import pytest

from service.backends import Backends
from service.domain.pushes import Device
from service.stores.postgres.devices import MOST_DEVICES, Devices
from tests.service.rows import new_user


@pytest.fixture
def devices(stores: Backends) -> Devices:
    return stores.devices


def test_devices_are_found_by_user_on_all_shards(stores: Backends, devices: Devices) -> None:
    users = [new_user(stores) for _ in range(9)]
    for user in users[:8]:
        devices.add_device(user, f"{user:064x}")
    devices.add_device(users[0], "ff" * 32)
    devices.add_device(users[0], "ff" * 32)
    found = devices.find_devices([*users, 2**62])
    assert {user: sorted(tokens) for user, tokens in found.items()} == {
        users[0]: sorted([f"{users[0]:064x}", "ff" * 32]),
        **{user: [f"{user:064x}"] for user in users[1:8]},
    }
    assert devices.find_devices([]) == {}


def test_a_device_can_be_removed_by_its_user_only(stores: Backends, devices: Devices) -> None:
    user, other = new_user(stores), new_user(stores)
    devices.add_device(user, "ab" * 32)
    devices.remove_device(other, "ab" * 32)
    assert devices.find_devices([user, other]) == {user: ["ab" * 32]}
    devices.remove_device(user, "ab" * 32)
    assert devices.find_devices([user]) == {}


def test_a_user_keeps_his_newest_devices(stores: Backends, devices: Devices) -> None:
    user = new_user(stores)
    tokens = [f"{number:064x}" for number in range(MOST_DEVICES + 2)]
    for token in tokens:
        devices.add_device(user, token)
    # Added again, it is not the oldest any more.
    devices.add_device(user, tokens[2])
    devices.add_device(user, "ff" * 32)
    assert set(devices.find_devices([user])[user]) == {tokens[2], *tokens[4:], "ff" * 32}


def test_a_device_that_is_gone_is_forgotten_unless_it_came_back(stores: Backends, devices: Devices) -> None:
    user, now = new_user(stores), datetime.now(UTC)
    devices.add_device(user, "ab" * 32)
    devices.forget_device(Device(user, "ab" * 32), now - timedelta(minutes=1))
    assert devices.find_devices([user]) == {user: ["ab" * 32]}
    devices.forget_device(Device(user, "ab" * 32), now + timedelta(minutes=1))
    assert devices.find_devices([user]) == {}
    devices.add_device(user, "cd" * 32)
    devices.forget_device(Device(user, "cd" * 32), None)
    assert devices.find_devices([user]) == {}
