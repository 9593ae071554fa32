from dataclasses import replace

import pytest

from compose.connection_limits import RESERVED_CONNECTIONS, check, plan
from compose.errors import StackError
from compose.topology import known, named


@pytest.mark.parametrize("name", known())
def test_the_pools_add_up_from_the_threads_to_the_servers(name: str) -> None:
    topology = named(name)
    capacity = plan(topology)
    servers = 2 * topology.primaries
    processes = topology.app * capacity.app_pool + sum(topology.workers.values()) * capacity.worker_pool
    # Every pool of every process full, and the seed's as well.
    assert capacity.client_connections >= (processes + capacity.app_pool) * servers
    # Every connection that PgBouncer may open, and whoever looks in.
    assert capacity.max_connections == capacity.server_pool + RESERVED_CONNECTIONS
    assert capacity.max_files > capacity.client_connections + servers * capacity.server_pool
    # A thread that finds its pool empty would wait for another that has one connection too many.
    assert capacity.app_pool == topology.app_threads


def test_the_topologies_that_come_along_have_these_limits() -> None:
    small, large = plan(named("small")), plan(named("2011"))
    assert (small.client_connections, small.server_pool, small.max_connections) == (126, 20, 30)
    assert (large.client_connections, large.server_pool, large.max_connections) == (7306, 20, 30)
    assert (small.shared_buffers_mb, large.shared_buffers_mb) == (64, 32)
    assert (small.max_wal_mb, large.max_wal_mb) == (512, 85)


def test_one_app_thread_and_few_workers_are_enough_to_begin_with() -> None:
    capacity = plan(replace(named("small"), app=1, app_threads=1, workers={"push": 1}))
    assert capacity.server_pool == 4


def test_a_machine_that_lets_too_few_files_be_opened_is_told_the_numbers() -> None:
    check(named("2011"), files_limit=20_000, local_ports=28_000)
    with pytest.raises(StackError) as raised:
        check(named("2011"), files_limit=4096, local_ports=28_000)
    assert str(raised.value) == (
        "topology 2011: 25 app instances of 4 threads and 200 workers may open 7306 connections to PgBouncer "
        "for 24 databases, which takes 7914 open files, but the limit is 4096"
    )


def test_more_connections_than_there_are_local_ports_are_refused() -> None:
    huge = replace(named("2011"), name="huge", app=300)
    with pytest.raises(
        StackError, match=r"^topology huge: 300 app .* may open \d+ .*, but there are 28000 local ports$"
    ):
        check(huge, files_limit=10**6, local_ports=28_000)


def test_this_machine_bears_the_default() -> None:
    check(named("small"))
