from dataclasses import replace
from pathlib import Path

import pytest

from compose.errors import UsageError
from compose.topology import known, named, parse

RIGHT = """\
nginx = 1
app = 2
app_threads = 4
primaries = 2
logical_shards = 8
memcached = 1
media_map_entries = 1000
scrape_interval_s = 1

[workers]
push = 1
fanout = 2
thumbnails = 3
share = 4
"""


def test_each_part_that_listens_has_a_port_of_its_own() -> None:
    for name in known():
        topology = named(name, 8400)
        ports = topology.ports
        assert ports["front"] == 8400
        assert {"postgres-1", "postgres-1-replica", "nginx-1-status", "memcached-1", "app-1"} <= ports.keys()
        assert len(set(ports.values())) == len(ports)
        assert max(ports.values()) == 8400 + topology.ports_span - 1


def test_small_names_its_instances() -> None:
    topology = named("small")
    assert topology.app_instances == ("app-1", "app-2")
    assert topology.primary_instances == ("postgres-1", "postgres-2")
    assert topology.replica_instances == ("postgres-1-replica", "postgres-2-replica")


def test_2011_has_the_counts_of_2011() -> None:
    topology = named("2011")
    counts = (topology.nginx, topology.app, topology.primaries, topology.memcached, sum(topology.workers.values()))
    assert counts == (3, 25, 12, 6, 200)
    assert len(topology.replica_instances) == 12
    assert topology.warm_up_s == 25


def test_two_clones_side_by_side_share_no_port() -> None:
    assert not set(named("small", 8400).ports.values()) & set(named("small", 8500).ports.values())


def test_an_unknown_name_lists_the_known_ones() -> None:
    expected = r"^unknown topology 'smal', known: 2011, fourteen-million, small; or a \.toml file$"
    with pytest.raises(UsageError, match=expected):
        named("smal")


@pytest.mark.parametrize("port", [0, 80, -1, 65530])
def test_a_base_port_out_of_range_is_refused(port: int) -> None:
    with pytest.raises(UsageError, match=rf"^base port {port} is not between 1024 and 65\d\d\d \(BASE_PORT=\)$"):
        named("small", port)


def test_a_file_of_the_user_s_own_has_any_counts(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(RIGHT)
    topology = named(str(file), 9000)
    assert (topology.name, topology.base_port, topology.app, topology.workers["share"]) == ("mine", 9000, 2, 4)
    assert replace(topology, errors=True).ports == topology.ports


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match=r"^/no/such\.toml: No such file or directory$"):
        named("/no/such.toml")


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("app = 2", "app = 0", "here: Expected `int` >= 1 - at `$.app`"),
        ("app = 2", "app = -3", "here: Expected `int` >= 1 - at `$.app`"),
        ("app = 2", "app = 2.5", "here: Expected `int`, got `float` - at `$.app`"),
        ("app = 2", "app = true", "here: Expected `int`, got `bool` - at `$.app`"),
        ("app = 2", 'app = "2"', "here: Expected `int`, got `str` - at `$.app`"),
        ("primaries = 2", "primary = 2", "here: Object contains unknown field `primary`"),
        ("fanout = 2", "fanout = 0", "here: Expected `int` >= 1 - at `$.workers.fanout`"),
        ("share = 4", "shares = 4", "here: Object contains unknown field `shares` - at `$.workers`"),
        ("share = 4\n", "", "here: Object missing required field `share` - at `$.workers`"),
        ("memcached = 1\n", "", "here: Object missing required field `memcached`"),
        ("logical_shards = 8", "logical_shards = 8193", "here: Expected `int` <= 8192 - at `$.logical_shards`"),
        ("logical_shards = 8", "logical_shards = 1", "here: logical_shards: 1 logical shards cannot be"),
        ("[workers]", "[[workers]]", "here: Expected `object`, got `array` - at `$.workers`"),
        ("app = 2", "app = ", "here: Invalid value (at line 2, column 7)"),
    ],
)  # fmt: skip
def test_a_wrong_topology_is_refused_with_its_key(before: str, after: str, complaint: str) -> None:
    assert before in RIGHT
    with pytest.raises(UsageError) as raised:
        parse(RIGHT.replace(before, after), "here")
    assert str(raised.value).startswith(complaint)
    assert "\n" not in str(raised.value)
