import pytest

from compose.errors import UsageError
from compose.topology import named


def test_small_has_a_port_for_each_part_that_listens() -> None:
    ports = named("small", 8400).ports
    assert ports["nginx"] == 8400
    assert ports["exporter-process"] == 8414
    assert (ports["app-1"], ports["app-2"]) == (8420, 8421)
    assert len(set(ports.values())) == len(ports) == 17


def test_small_names_its_instances() -> None:
    topology = named("small")
    assert topology.app_instances == ("app-1", "app-2")
    assert topology.worker_instances == {"worker-thumbnails-1": "thumbnails", "worker-thumbnails-2": "thumbnails"}


def test_two_clones_side_by_side_share_no_port() -> None:
    assert not set(named("small", 8400).ports.values()) & set(named("small", 8500).ports.values())


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="unknown topology 'smal', known: small"):
        named("smal")


@pytest.mark.parametrize("port", [0, 80, -1, 65530])
def test_a_base_port_out_of_range_is_refused(port: int) -> None:
    with pytest.raises(UsageError, match=f"base port {port} is not between 1024 and 60000"):
        named("small", port)
