"""The folder of a run's configuration."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import yaml

from compose.containers import folder
from compose.containers.inside import STACK
from compose.containers.target import Description, attached
from compose.errors import StackError, UsageError
from compose.topology import Topology, named


@pytest.fixture
def topology() -> Topology:
    return replace(named("small"), in_containers=True)


@pytest.fixture
def written(topology: Topology, tmp_path: Path) -> Path:
    folder.write(topology, tmp_path / "configuration")
    return tmp_path / "configuration"


def test_it_is_the_owners_alone_and_readable_in_containers(written: Path) -> None:
    assert written.stat().st_mode & 0o777 == 0o700
    inner = [path for path in written.rglob("*") if path.is_file()]
    assert len(inner) > 40
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in inner)


def test_every_mount_and_environment_file_is_there(written: Path) -> None:
    services = yaml.safe_load((written / folder.COMPOSE_FILE).read_text())["services"]
    wanted = set()
    for service in services.values():
        wanted |= {mount.partition("}")[2].split(":")[0] for mount in service["volumes"] if "CONTAINERS" in mount}
        wanted |= {file.partition("}")[2] for file in service.get("env_file", ())}
    assert wanted
    assert [path for path in sorted(wanted) if not (written / path.lstrip("/")).exists()] == []


def test_parts_know_each_other_by_name_and_listen_everywhere(written: Path) -> None:
    files = [path for path in written.rglob("*") if path.suffix in (".cfg", ".ini", ".conf", ".yml", ".env", ".json")]
    for path in files:
        assert not re.search(r"127\.0\.0\.1:\d", path.read_text()) or path.parent.name == "cdn", path
    # The edge asks the origin, which is the same process.
    assert re.findall(r"127\.0\.0\.1:(\d+)", (written / "cdn" / "nginx.conf").read_text()) == ["8407"]
    assert "bind 0.0.0.0" in (written / "redis" / "redis.conf").read_text()
    assert "server nginx-2 nginx-2:" in (written / "front" / "haproxy.cfg").read_text()


def test_secrets_are_made_anew(written: Path, topology: Topology) -> None:
    before = (written / "redis" / "redis.conf").read_text()
    folder.write(topology, written)
    assert (written / "redis" / "redis.conf").read_text() != before


def test_a_folder_with_something_else_stays(tmp_path: Path, topology: Topology) -> None:
    (tmp_path / "thesis").touch()
    with pytest.raises(UsageError, match="holds something else"):
        folder.write(topology, tmp_path)
    folder.remove(tmp_path)
    assert (tmp_path / "thesis").exists()


def test_tls_is_refused(tmp_path: Path, topology: Topology, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKESTORM_TLS_CERT", "/nowhere")
    with pytest.raises(UsageError, match="LIKESTORM_TLS_CERT"):
        folder.write(topology, tmp_path / "new")


def test_prometheus_finds_instances_by_name(written: Path) -> None:
    jobs = yaml.safe_load((written / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    found = {job["job_name"]: job["dns_sd_configs"][0] for job in jobs if "dns_sd_configs" in job}
    assert found["app"]["names"] == ["app"]
    assert found["worker"]["names"] == ["worker-push", "worker-fanout", "worker-thumbnails", "worker-share"]


def test_the_stack_describes_itself(written: Path, topology: Topology, monkeypatch: pytest.MonkeyPatch) -> None:
    content = json.loads((written / STACK.parent.name / STACK.name).read_text())
    assert content["topology"]["in_containers"] is True
    assert msgspec.convert(content, Description).topology == topology
    assert content["images"]["PostgreSQL"].startswith("docker.io/library/postgres:")
    monkeypatch.delenv("LIKESTORM_STACK", raising=False)
    assert attached() is None


def test_scripts_are_shell(written: Path) -> None:
    for script in written.rglob("*.sh"):
        assert subprocess.run(("sh", "-n", script), check=False).returncode == 0


def test_a_topology_of_loopback_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError):
        folder.write(named("small"), tmp_path / "new")
