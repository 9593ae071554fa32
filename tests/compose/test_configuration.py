import configparser
import re
import shlex
import sys
from pathlib import Path

import yaml

from compose import binaries, configuration
from compose.credentials import Credentials
from compose.layout import CLONE, Layout
from compose.parts import Part, list_parts
from compose.topology import Topology


def write(topology: Topology, state: Path) -> tuple[Layout, tuple[Part, ...], Credentials]:
    layout, credentials = Layout(state, state / "run", None), Credentials()
    layout.make()
    parts = list_parts(topology, layout, credentials, binaries.locate())
    configuration.write(topology, layout, credentials, parts)
    return layout, parts, credentials


def test_every_file_with_a_secret_is_for_the_owner_alone(topology: Topology, tmp_path: Path) -> None:
    layout, _, _ = write(topology, tmp_path)
    files = [file for file in layout.run.rglob("*") if file.is_file() and "store/data" not in str(file)]
    assert len(files) >= 9
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_no_placeholder_is_left(topology: Topology, tmp_path: Path) -> None:
    layout, _, _ = write(topology, tmp_path)
    for name in ("nginx/nginx.conf", "postgres/postgresql.conf", "pgbouncer/pgbouncer.ini", "redis/redis.conf"):
        assert "@{" not in (layout.run / name).read_text()


def test_no_secret_is_on_a_command_line(topology: Topology, tmp_path: Path) -> None:
    _, parts, credentials = write(topology, tmp_path)
    secrets = vars(credentials).values()
    assert [part.name for part in parts if any(secret in " ".join(part.command) for secret in secrets)] == []


def test_each_process_group_matches_its_own_command_line_only(topology: Topology, tmp_path: Path) -> None:
    layout, parts, _ = write(topology, tmp_path)
    groups = yaml.safe_load((layout.folder("exporter-process") / "processes.yml").read_text())["process_names"]
    for part in parts:
        # nginx puts words in front of its own.
        seen = f"nginx: master process {' '.join(part.command)}"
        assert [group["name"] for group in groups if re.search(group["cmdline"][0], seen)] == [part.name]
    assert groups[-1]["name"] == "supervisor"


def test_supervisord_is_told_each_command_as_it_is(topology: Topology, tmp_path: Path) -> None:
    layout, parts, _ = write(topology, tmp_path / "100%")
    # It reads its file with interpolation, in which a percent sign is doubled.
    config = configparser.RawConfigParser()
    config.read(layout.folder("supervisor") / "supervisord.conf")
    told = {part.name: config[f"program:{part.name}"]["command"].replace("%%", "%") for part in parts}
    assert told == {part.name: shlex.join(("nice", "-n", str(part.niceness), *part.command)) for part in parts}
    assert config["program:store"]["directory"] == str(CLONE)
    assert parts[3].command[0] == sys.executable
