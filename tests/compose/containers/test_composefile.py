"""The Compose file: what the repository has is what the parts say, and it keeps to the rules of the house."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from compose.containers import composefile, folder
from compose.containers.images import BASE, OUR_USER, PROGRAMS, VERSION, resolve
from compose.credentials import Credentials
from compose.errors import UsageError
from compose.layout import CLONE
from compose.topology import Topology, named


def _topology(name: str = "small") -> Topology:
    return replace(named(name), in_containers=True)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    described: dict[str, Any] = yaml.safe_load(composefile.COMMITTED.read_text())["services"]
    return described


def test_the_committed_file_is_that_of_the_default_topology() -> None:
    assert composefile.COMMITTED.read_text() == composefile.text(_topology())


def test_it_holds_no_secret() -> None:
    # Every secret is drawn anew each time.
    assert composefile.text(_topology()) == composefile.text(_topology())


def test_only_the_front_grafana_and_locust_are_published_on_loopback() -> None:
    assert composefile.published(composefile.COMMITTED.read_text()) == {
        "front": ["127.0.0.1:8400:8400"],
        "grafana": ["127.0.0.1:3000:3000"],
        "locust": ["127.0.0.1:8089:8089"],
    }


def test_every_service_is_hardened_and_limited(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["user"] not in ("", "root", "0"), name
        assert service["mem_limit"], name
        assert service["cpus"], name
        _, _, tag = service["image"].rpartition("/")[2].rstrip("}").partition(":")
        assert tag, f"{name}: {service['image']} is not pinned"
        assert tag != "latest", name


def test_starts_wait_for_services_that_can_tell_their_health(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for other, condition in service.get("depends_on", {}).items():
            assert other in services, f"{name} waits for {other}"
            if condition["condition"] == "service_healthy":
                assert services[other]["healthcheck"]["test"], other
    assert services["app"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert "postgres-1" in services["postgres-1-replica"]["depends_on"]


def test_commands_are_those_of_the_local_processes(services: dict[str, Any]) -> None:
    words = services["app"]["entrypoint"]
    assert words[:3] == ["python", "-m", "compose.containers.instance"]
    assert words[words.index("--threads") + 1] == str(_topology().app_threads)
    assert str(CLONE) not in yaml.safe_dump(services)
    assert services["redis"]["entrypoint"] == [PROGRAMS["redis"], "/likestorm/redis/redis.conf"]


def test_counts_follow_the_topology() -> None:
    large = yaml.safe_load(composefile.text(_topology("2011")))["services"]
    assert sum(name.startswith("postgres-") for name in large) == 24
    assert large["app"]["deploy"]["replicas"] == 25
    assert sum(name.startswith("nginx-") for name in large) == 3


def test_grafana_gets_what_its_provisioning_names(services: dict[str, Any]) -> None:
    files = (CLONE / "dashboards" / "provisioning").rglob("*.yaml")
    text = "".join(file.read_text() for file in files)
    grafana = services["grafana"]
    targets = {mount.split(":")[1] for mount in grafana["volumes"]}
    assert "${LIKESTORM_DASHBOARDS}" in text
    assert grafana["environment"]["LIKESTORM_DASHBOARDS"] in targets
    assert grafana["environment"]["GF_PATHS_PROVISIONING"] in targets
    assert "${LIKESTORM_PROMETHEUS}" in text


def test_an_image_can_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve("postgres-2-replica").startswith("docker.io/library/postgres:15.")
    monkeypatch.setenv("LIKESTORM_POSTGRES_IMAGE", "localhost/mine:1")
    assert resolve("postgres-2-replica") == "localhost/mine:1"


def test_our_image_is_the_dockerfiles() -> None:
    dockerfile = (CLONE / "compose" / "Dockerfile").read_text()
    assert f"ARG BASE={BASE}\n" in dockerfile
    assert f"USER {OUR_USER}\n" in dockerfile
    assert f'version = "{VERSION}"' in (CLONE / "pyproject.toml").read_text()


def test_the_service_name_of_a_part() -> None:
    topology = _topology()
    names = [composefile.name(part, topology) for part in composefile.parts(topology, Credentials())]
    assert len(names) == len(set(names))
    assert {"app", "worker-push", "nginx-2", "front", "collectors"} <= set(names)
    assert "app-2" not in names
    assert folder.DEFAULT.parent == CLONE


def test_loopback_has_no_containers() -> None:
    assert named("small").address("redis") == "127.0.0.1:8406"
    assert _topology().address("redis") == "redis:8406"
    assert _topology().address("app-2") == _topology().address("app-1")
    assert _topology().address("nginx-1-status").startswith("nginx-1:")
    with pytest.raises(UsageError):
        named("nothing")
