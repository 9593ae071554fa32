import json
import os
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from compose import local
from compose.errors import StackError
from compose.local import Target
from service.routes.health import find_http_parser
from tests.compose.stacks import await_true, is_listening
from tests.servers import standing_still

pytestmark = pytest.mark.e2e


def query(stack: Target, expression: str) -> list[tuple[dict[str, str], float]]:
    url = f"{stack.prometheus_url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return [(entry["metric"], float(entry["value"][1])) for entry in result]


def get(port: int, path: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_every_part_runs_and_every_port_is_open(stack: Target) -> None:
    await_true(lambda: {state.state for state in stack.states().values()} == {"RUNNING"})
    shut = [part for part, port in stack.topology.ports.items() if not is_listening(port)]
    assert shut == ["errors", "generator"]  # no tracker unless it is asked for, no load while nobody drives any
    assert stack.pids().keys() == {*stack.states(), "supervisor"}


def test_the_http_parser_of_the_app_servers_is_a_fact_of_the_target(stack: Target) -> None:
    assert stack.facts == {"http parser": find_http_parser()}


def test_the_front_reaches_the_service(stack: Target) -> None:
    assert get(stack.topology.ports["front"], "/readyz")[0] == 200


@pytest.mark.parametrize("path", ["/metrics", "/stub_status", "/service/app-1", "/admin", "/status"])
def test_the_front_shows_no_metrics(stack: Target, path: str) -> None:
    assert get(stack.topology.ports["front"], path)[0] == 404


def test_prometheus_scrapes_every_job(stack: Target) -> None:
    wanted = {(job.job, job.instance): float(job.job != "generator") for job in stack.scrape_jobs}

    def seen() -> bool:
        ups = {(labels["job"], labels["instance"]): value for labels, value in query(stack, "up")}
        return ups == wanted

    await_true(seen)


def test_each_part_is_one_group_of_processes(stack: Target) -> None:
    def groups() -> set[str]:
        # A part whose processes have all gone stays, with none.
        return {labels["groupname"] for labels, _ in query(stack, "namedprocess_namegroup_num_procs > 0")}

    await_true(lambda: groups() == set(stack.pids()))


def test_every_backend_is_up_in_its_exporter_s_words(stack: Target) -> None:
    topology = stack.topology
    servers = {
        "pg_up": {*topology.primary_instances, *topology.replica_instances},
        "memcached_up": {*topology.memcached_instances},
        "nginx_up": {*topology.nginx_instances},
        "probe_success": {"front", "cdn"},
        **{f"{name}_up": {name} for name in ("pgbouncer", "redis", "rq", "store", "cdn")},
    }
    wanted = {(metric, instance): 1.0 for metric, instances in servers.items() for instance in instances}

    def seen() -> bool:
        found = query(stack, f'{{__name__=~"{"|".join(servers)}"}}')
        return {(labels["__name__"], labels["instance"]): value for labels, value in found} == wanted

    await_true(seen)


def test_what_the_exporter_says_of_a_server_has_that_server_s_name(stack: Target) -> None:
    servers = {*stack.topology.primary_instances, *stack.topology.replica_instances}

    def seen() -> bool:
        found = query(stack, 'pg_stat_database_xact_commit{datname="likestorm"}')
        return {labels["instance"] for labels, _ in found} == servers

    await_true(seen)


def test_a_server_that_is_killed_comes_back_and_its_exporter_says_so(stack: Target) -> None:
    port = stack.topology.ports["collectors"]
    first = stack.pids()["memcached-1"]
    with standing_still(first):
        assert "memcached_up 0.0" in get(port, "/memcached/memcached-1")[1]
        assert "memcached_up 1.0" in get(port, "/memcached/memcached-2")[1]
        os.kill(first, signal.SIGKILL)
    await_true(lambda: stack.pids().get("memcached-1") not in (None, first))
    await_true(lambda: "memcached_up 1.0" in get(port, "/memcached/memcached-1")[1])


def test_a_dead_instance_is_not_scraped_as_if_it_lived(stack: Target) -> None:
    port = stack.topology.ports["collectors"]
    assert get(port, "/service/worker-thumbnails")[0] == 200
    stack.supervisor.stop(["worker-thumbnails"])
    await_true(lambda: get(port, "/service/worker-thumbnails")[0] == 503)
    await_true(lambda: stack.states()["worker-thumbnails"].state == "STOPPED")
    stack.supervisor.start(["worker-thumbnails"])
    await_true(lambda: get(port, "/service/worker-thumbnails")[0] == 200)


def test_seeded_data_is_served_and_not_part_of_the_audit(stack: Target) -> None:
    manifest = local.seed(stack, users=50, photos_per_user=1, follows_per_user=2, seed=1)
    told = json.loads(manifest.read_text())
    assert len(told["photos"]) == 50
    assert set(map(tuple, local.audit(stack, datetime.now(UTC)).values())) == {()}
    user = told["users"][0]
    connection = HTTPConnection("127.0.0.1", stack.topology.ports["front"], timeout=30)
    began = datetime.now(UTC)
    connection.request("PUT", f"/photos/{told['photos'][0]}/like", headers={"Authorization": f"Bearer {user['token']}"})
    status = connection.getresponse().status
    connection.close()
    assert status in (200, 201)
    likes = local.audit(stack, began)["likes"]
    assert likes == ([f"{user['id']}:{told['photos'][0]}"] if status == 201 else [])


def test_a_seed_that_cannot_be_done_says_why(stack: Target) -> None:
    with pytest.raises(StackError, match=r"^python -m service seed failed: .+"):
        local.seed(stack, users=-1, photos_per_user=1, follows_per_user=1, seed=1)


def test_whoever_comes_later_finds_the_running_stack(stack: Target) -> None:
    found = local.running(stack.state_dir)
    assert found is not None
    assert (found.url, found.environment, found.pids()) == (stack.url, stack.environment, stack.pids())


def test_a_second_start_from_the_same_place_is_refused(stack: Target) -> None:
    with pytest.raises(StackError, match="another process runs or starts a stack"):
        local.start(stack.topology, state=stack.state_dir)
    assert local.running(stack.state_dir)


@pytest.fixture
def status(stack: Target) -> Callable[[Path], "subprocess.CompletedProcess[str]"]:
    def run(state: Path) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "compose", "status", "--state", str(state)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


def test_status_tells_of_every_part(
    stack: Target, status: Callable[[Path], "subprocess.CompletedProcess[str]"]
) -> None:
    await_true(lambda: {state.state for state in stack.states().values()} == {"RUNNING"})
    said = status(stack.state_dir)
    assert said.returncode == 0
    assert [line.split()[0] for line in said.stdout.splitlines()] == ["part", *stack.states(), "all"]


def test_status_without_a_stack_says_so(
    tmp_path: Path, status: Callable[[Path], "subprocess.CompletedProcess[str]"]
) -> None:
    said = status(tmp_path)
    assert (said.returncode, said.stdout) == (1, "not running\n")


def test_taking_down_what_does_not_run_is_no_error(tmp_path: Path) -> None:
    assert local.stop(tmp_path) is False
