"""The stack in containers, really run: every tier answers, a run from within is valid, and it grows while it is up."""

import http.client
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from likestorm.results.record import Record, document

from tests.containers import remains
from tests.containers.conftest import Stack
from tests.containers.images import BASE
from tests.containers.remains import PROJECT

pytestmark = pytest.mark.containers

PATIENCE_S = 60.0


def _await(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


def _get(stack: Stack, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", stack.front_port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_front_reaches_every_store(containers: Stack) -> None:
    _await(lambda: _get(containers, "/readyz") == 200, "no instance of the app reaches all stores")
    assert _get(containers, "/metrics") == 404


def test_nothing_else_is_published(containers: Stack) -> None:
    published = {
        service: [binding["HostIp"] for bindings in ports.values() if bindings for binding in bindings]
        for service, found in containers.engine.containers(PROJECT).items()
        for each in found
        if (ports := containers.inspect(each)["NetworkSettings"]["Ports"]) and any(ports.values())
    }
    published.pop("locust", None)
    assert published == {"front": ["127.0.0.1"]}


def test_containers_are_hardened(containers: Stack) -> None:
    for service, found in containers.engine.containers(PROJECT).items():
        for each in found:
            seen = containers.inspect(each)
            assert seen["HostConfig"]["ReadonlyRootfs"], service
            assert seen["HostConfig"]["Memory"] > 0, service
            assert not seen["EffectiveCaps"], service
            if not service.startswith("locust"):
                assert seen["Config"]["User"] not in ("", "root", "0", "0:0"), service


def test_prometheus_scrapes_everything(containers: Stack) -> None:
    def down() -> list[str]:
        targets = containers.ask_prometheus("/api/v1/targets?state=active")["activeTargets"]
        assert {"app", "worker", "nginx", "postgres", "redis", "haproxy", "blackbox"} <= {
            target["labels"]["job"] for target in targets
        }
        return [f"{target['scrapeUrl']}: {target['lastError']}" for target in targets if target["health"] != "up"]

    _await(lambda: down() == [], "targets stay down")


def test_a_run_from_within_loses_nothing(containers: Stack) -> None:
    done = containers.command("bench", "--", "ci", "--rate", "0.3", "--duration", "6", "--out", "runs/alone")
    assert done.returncode in (0, 97, 98, 99), done.stdout + done.stderr
    record = _nothing_lost(containers.runs / "alone" / "record.json")
    # Few requests on a busy machine: whether they were quick enough is another test's matter.
    assert record.verdict is not None
    assert done.returncode == record.verdict.exit_code
    assert "localhost/likestorm-test-servers" in record.environment["PostgreSQL"]


def _nothing_lost(file: Path) -> Record:
    record = document.load(file)
    assert record.load.completed > 0
    assert [entry.residual for entry in record.ledger] == [0] * len(record.ledger)
    assert sum(entry.acknowledged for entry in record.ledger) > 0
    assert record.reconciliation is not None
    most = record.reconciliation.answered + record.reconciliation.unsure + record.reconciliation.repeated
    assert [hop.hop for hop in record.reconciliation.counts] == ["nginx", "app"]
    assert all(
        hop.count is not None and record.reconciliation.answered <= hop.count <= most
        for hop in record.reconciliation.counts
    )
    return record


def test_workers_of_the_profile_generator_share_the_load(containers: Stack) -> None:
    done = containers.compose(
        "--profile", "generator", "up", "--no-build", "--no-deps", "--no-recreate", "--scale", "locust-worker=4",
        "locust", "locust-worker",
        SCENARIO="ci", LOCUST_WORKERS="4",
    )  # fmt: skip
    files = list(containers.runs.glob("*-ci/record.json"))
    assert len(files) == 1, done.stdout[-3000:] + done.stderr[-3000:]
    record = _nothing_lost(files[0])
    workers = record.generator.workers
    assert [worker.lost for worker in workers] == [False] * 4
    # Each in a container of its own.
    assert len({worker.name.rpartition(" on ")[2] for worker in workers}) == 4


def test_more_instances_of_the_app_are_found(containers: Stack) -> None:
    scaled = containers.compose("up", "-d", "--no-build", "--no-deps", "--no-recreate", "--scale", "app=5", "app")
    assert scaled.returncode == 0, scaled.stderr

    def addresses() -> set[str]:
        return set(containers.inside("nginx-1", "cat", "/tmp/apps.conf").split("\n")) - {""}

    def scraped() -> float:
        result = containers.ask_prometheus('/api/v1/query?query=sum(up{job="app"})')["result"]
        return float(result[0]["value"][1]) if result else 0.0

    _await(lambda: len(addresses()) == 5, "nginx does not find all instances")
    _await(lambda: scraped() == 5, "Prometheus does not find all instances")
    _await(lambda: _get(containers, "/readyz") == 200, "the app does not answer any more")


def test_what_a_killed_run_left_is_cleared(containers: Stack) -> None:
    engine, gone = containers.engine, subprocess.Popen(("true",))
    gone.wait()
    project = f"likestorm-test-{gone.pid}"
    engine.run(("network", "create", f"{project}_front"))
    engine.run(("volume", "create", f"{project}_data"))
    engine.run(
        ("create", "--name", f"{project}_app_1", "--network", f"{project}_front", "--volume", f"{project}_data:/data",
         BASE, "true")
    )  # fmt: skip
    own = remains.names(engine)
    remains.clear(engine)
    everything = [engine.run(kind) for kind in (("ps", "-a"), ("volume", "ls"), ("network", "ls"))]
    assert not any(project in listed for listed in everything)
    assert remains.names(engine) == own
    assert any("_app_" in name for name in own)
