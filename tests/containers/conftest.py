"""The stack in containers, brought up once for all tests of this folder, and taken down without a trace."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from compose.containers import engine
from compose.containers.engine import Engine
from compose.errors import StackError
from compose.layout import CLONE
from tests.containers import images, remains
from tests.containers.remains import PROJECT
from tests.ports import free_port


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """They take minutes, and run only where they are asked for."""
    if "containers" not in config.option.markexpr:
        ours = [item for item in items if item.get_closest_marker("containers")]
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if item not in ours]


@dataclass(frozen=True)
class Stack:
    """Containers that are up; `environment` has the Compose file's variables, `runs` is where a run's results land."""

    engine: Engine
    environment: Mapping[str, str]
    folder: Path
    runs: Path
    front_port: int

    def command(self, verb: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """python -m compose.containers VERB …"""
        where = ("--folder", str(self.folder), "--project", PROJECT)
        return subprocess.run(
            (sys.executable, "-m", "compose.containers", verb, *where, *arguments),
            cwd=CLONE, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def compose(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """podman-compose on the stack's file."""
        command = (*self.engine.compose, "-f", str(self.folder / "compose.yaml"), "-p", PROJECT, *arguments)
        return subprocess.run(
            command, env={**self.environment, **variables}, capture_output=True, text=True, check=False, timeout=150
        )

    def inside(self, service: str, *command: str) -> str:
        """What a command says in a service's first container."""
        return self.engine.run(("exec", self.engine.containers(PROJECT)[service][0], *command))

    def inspect(self, container: str) -> Any:
        return json.loads(self.engine.run(("inspect", container)))[0]

    def ask_prometheus(self, path: str) -> Any:
        return json.loads(self.inside("prometheus", "wget", "-q", "-O", "-", f"http://127.0.0.1:8403{path}"))["data"]


@pytest.fixture(scope="session")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack but Grafana, of which Debian has no package."""
    os.environ["LIKESTORM_ENGINE"] = "podman"
    try:
        found = engine.find()
        remains.clear(found)
        images.build(found.environment)
    except StackError as error:
        # One line for all of them, where a skip is a line for each.
        pytest.exit(f"containers are not tested: {error}", returncode=0)
    folder, runs, port = (
        tmp_path_factory.mktemp("stack") / "configuration",
        tmp_path_factory.mktemp("runs"),
        free_port(),
    )
    variables = {
        **images.variables(),
        "LIKESTORM_CONTAINERS": str(folder),
        "LIKESTORM_RUNS": str(runs),
        "LIKESTORM_USER": f"{os.getuid()}:{os.getgid()}",
        "LIKESTORM_FRONT": f"127.0.0.1:{port}",
        "LIKESTORM_LOCUST": f"127.0.0.1:{free_port()}",
    }
    stack = Stack(found, {**os.environ, **found.environment, **variables}, folder, runs, port)
    try:
        up = stack.command("up", "--no-build", "--without", "grafana")
        assert up.returncode == 0, up.stdout + up.stderr
        yield stack
    finally:
        down = stack.command("down")
    assert down.returncode == 0, down.stdout + down.stderr
    assert remains.names(found) == []
    assert not folder.exists()
