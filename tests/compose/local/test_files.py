import configparser
import re
import shlex
import sys
from pathlib import Path

from compose.connection_limits import plan
from compose.credentials import Credentials
from compose.layout import CLONE, Layout
from compose.local import binaries
from compose.local.files import write_files
from compose.parts import Part, launcher
from compose.registry import list_parts
from compose.topology import Topology, named


def write(topology: Topology, state: Path) -> tuple[Layout, tuple[Part, ...], Credentials]:
    layout, credentials = Layout(state, state / "run", None), Credentials()
    layout.make()
    parts = list_parts(topology, layout, credentials, binaries.locate())
    write_files(topology, layout, credentials, parts)
    return layout, parts, credentials


def test_every_file_with_a_secret_is_for_the_owner_alone(topology: Topology, tmp_path: Path) -> None:
    layout, _, _ = write(topology, tmp_path)
    files = [file for file in layout.run.rglob("*") if file.is_file() and "store/data" not in str(file)]
    assert len(files) >= 9
    assert layout.run / "shards.json" in files
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_no_placeholder_is_left(topology: Topology, tmp_path: Path) -> None:
    layout, _, _ = write(topology, tmp_path)
    for file in layout.run.rglob("*"):
        if file.is_file() and "store/data" not in str(file):
            assert "@{" not in file.read_text(), file


def test_the_limits_of_the_topology_reach_the_servers(topology: Topology, tmp_path: Path) -> None:
    layout, _, _ = write(topology, tmp_path)
    capacity = plan(topology)
    for server in (*topology.primary_instances, *topology.replica_instances):
        settings = (layout.folder(server) / "postgresql.conf").read_text()
        assert f"\nmax_connections = {capacity.max_connections}\n" in settings
        assert f"\nport = {topology.ports[server]}\n" in settings
    pooler = configparser.ConfigParser()
    pooler.read(layout.folder("pgbouncer") / "pgbouncer.ini")
    assert set(pooler["databases"]) == {*topology.primary_instances, *topology.replica_instances}
    assert pooler["pgbouncer"]["max_client_conn"] == str(capacity.client_connections)
    assert pooler["pgbouncer"]["default_pool_size"] == str(capacity.server_pool)
    assert f"\nmaxclients {capacity.redis_clients}\n" in (layout.folder("redis") / "redis.conf").read_text()


def test_each_replica_follows_its_own_primary_and_no_primary_follows(topology: Topology, tmp_path: Path) -> None:
    layout, _, credentials = write(topology, tmp_path)
    settings = {server: (layout.folder(server) / "postgresql.conf").read_text() for server in topology.ports
                if server.startswith("postgres-")}  # fmt: skip
    assert "primary_conninfo = ''" in settings["postgres-2"]
    assert (
        f"primary_conninfo = 'host=127.0.0.1 port={topology.ports['postgres-2']} user=replicator "
        f"password={credentials.replicator} application_name=postgres-2-replica sslmode=disable'"
    ) in settings["postgres-2-replica"]


def test_autovacuum_of_one_primary_and_of_another_do_not_coincide(tmp_path: Path) -> None:
    topology = named("2011")
    layout, _, _ = write(topology, tmp_path)
    texts = [(layout.folder(server) / "postgresql.conf").read_text() for server in topology.primary_instances]
    assert [re.findall(r"(?m)^autovacuum_naptime = (\d+)s$", text) for text in texts] == [
        [str(seconds)] for seconds in range(60, 120, 5)
    ]


def test_no_secret_is_on_a_command_line(topology: Topology, tmp_path: Path) -> None:
    _, parts, credentials = write(topology, tmp_path)
    secrets = vars(credentials).values()
    assert [part.name for part in parts if any(secret in " ".join(part.command) for secret in secrets)] == []


def test_supervisord_is_told_each_command_as_it_is(topology: Topology, tmp_path: Path) -> None:
    layout, parts, _ = write(topology, tmp_path / "100%")
    # It reads its file with interpolation, in which a percent sign is doubled.
    config = configparser.RawConfigParser()
    config.read(layout.folder("supervisor") / "supervisord.conf")
    told = {part.name: config[f"program:{part.name}"]["command"].replace("%%", "%") for part in parts}
    assert told == {part.name: shlex.join(launcher(part)) for part in parts}
    assert config["program:store"]["directory"] == str(CLONE)
    assert [part.command[0] for part in parts if part.name == "store"] == [sys.executable]
