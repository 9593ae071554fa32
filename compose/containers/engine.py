"""The engine that runs the containers: Docker's compose, or podman-compose from an environment of its own."""

import json
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from compose.errors import StackError
from compose.layout import CLONE

PODMAN_COMPOSE = CLONE / ".venv-containers" / "bin" / "podman-compose"
READY_TIMEOUT_S = 180.0
_POLL_S = 0.5
_VERBS = frozenset({"build", "up", "down", "run"})
_SERVICE_LABEL, _PROJECT_LABEL = "com.docker.compose.service", "com.docker.compose.project"
# podman without CAP_SYS_RESOURCE cannot set its own defaults, which are above its limits.
_MOST_FILES, _MOST_PROCESSES = 65_536, 16_384


@dataclass(frozen=True)
class Engine:
    """client: the command for containers. compose: the command for Compose files. environment: of both."""

    client: str
    compose: tuple[str, ...]
    environment: Mapping[str, str]

    def run(self, arguments: Sequence[str], *, is_shown: bool = False) -> str:
        """Run a command of the client; StackError with its last line on stderr."""
        return self._run(arguments[0], (self.client, *arguments), is_shown=is_shown)

    def run_compose(self, file: Path, project: str, arguments: Sequence[str], *, is_shown: bool = False) -> str:
        """Run a command on a Compose file."""
        command = (*self.compose, "-f", str(file), "-p", project, *arguments)
        return self._run(next(word for word in arguments if word in _VERBS), command, is_shown=is_shown)

    def pass_through(self, file: Path, project: str, arguments: Sequence[str]) -> int:
        """Run a command on a Compose file on the caller's terminal; returns its exit status."""
        command = (*self.compose, "-f", str(file), "-p", project, *arguments)
        return subprocess.run(command, env=self._variables(), check=False).returncode

    def _variables(self) -> Mapping[str, str]:
        """The environment with the Compose file's variables, which are set after find()."""
        return {**self.environment, **{name: os.environ[name] for name in os.environ if name.startswith("LIKESTORM_")}}

    def _run(self, verb: str, command: Sequence[str], *, is_shown: bool) -> str:
        into = None if is_shown else subprocess.PIPE
        done = subprocess.run(command, env=self._variables(), stdout=into, stderr=into, text=True, check=False)
        if done.returncode != 0:
            said = [line for line in (done.stderr or "").splitlines() if line.strip()]
            raise StackError(f"{Path(command[0]).name} {verb} failed: {said[-1] if said else done.returncode}")
        return done.stdout or ""

    def containers(self, project: str) -> Mapping[str, list[str]]:
        """The ids of a project's containers by service, ended ones included."""
        listed = self.run(
            ("ps", "-a", "--no-trunc", "--filter", f"label={_PROJECT_LABEL}={project}",
             "--format", f'{{{{.ID}}}} {{{{index .Labels "{_SERVICE_LABEL}"}}}}' if self.is_podman
             else f'{{{{.ID}}}} {{{{.Label "{_SERVICE_LABEL}"}}}}')
        )  # fmt: skip
        found: dict[str, list[str]] = {}
        for identity, service in (line.split() for line in listed.splitlines()):
            found.setdefault(service, []).append(identity)
        return found

    @property
    def is_podman(self) -> bool:
        """Whether the caller must run health checks: without systemd podman runs none."""
        return self.client == "podman"

    def trouble(self, container: str) -> str:
        """Why a container is not healthy; empty when it is, or when it has done its work and ended."""
        state = json.loads(self.run(("inspect", "--format", "{{json .State}}", container)))
        is_checked = self._has_health_check(container)
        if state["Status"] in ("exited", "stopped"):
            is_done = state["ExitCode"] == 0 and not is_checked
            return "" if is_done else f"ended with status {state['ExitCode']}: {self._tail(container)}"
        if not is_checked:
            return f"has not ended: {self._tail(container)}"
        if self.is_podman:
            asked = subprocess.run(
                (self.client, "healthcheck", "run", container), env=self.environment, capture_output=True, check=False
            )
            return "" if asked.returncode == 0 else "not healthy"
        status = state.get("Health", {}).get("Status", "")
        return "" if status == "healthy" else status or "not healthy"

    def _has_health_check(self, container: str) -> bool:
        return self.run(("inspect", "--format", "{{json .Config.Healthcheck}}", container)).strip() != "null"

    def _tail(self, container: str) -> str:
        done = subprocess.run(
            (self.client, "logs", "--tail", "3", container), env=self.environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        return " | ".join((done.stdout + done.stderr).split("\n")).strip(" |")


def find() -> Engine:
    """Docker where it runs, else podman, or the engine in LIKESTORM_ENGINE; StackError where neither runs."""
    wanted = os.environ.get("LIKESTORM_ENGINE")
    if (
        wanted != "podman"
        and shutil.which("docker")
        and _succeeds(("docker", "compose", "version"))
        and _succeeds(("docker", "info"))
    ):
        return Engine("docker", ("docker", "compose"), os.environ)
    if wanted == "docker" or not shutil.which("podman") or not PODMAN_COMPOSE.exists():
        raise StackError("there is neither a running Docker nor podman (make setup-containers)")
    environment = podman_environment(CLONE / ".cache" / "containers.conf")
    if not _succeeds(("podman", "info"), environment):
        raise StackError("podman cannot run here (podman info says why)")
    return Engine("podman", (str(PODMAN_COMPOSE),), environment)


def podman_environment(configuration: Path) -> Mapping[str, str]:
    """The environment for podman as root without systemd: runc, health checks on demand, limits that can be set.

    The caller's own configuration (CONTAINERS_CONF) stays in force.
    """
    environment = dict(os.environ)
    if Path("/run/systemd/system").is_dir() or "CONTAINERS_CONF" in environment:
        return environment
    configuration.parent.mkdir(parents=True, exist_ok=True)
    files = _limit(resource.RLIMIT_NOFILE, _MOST_FILES)
    processes = _limit(resource.RLIMIT_NPROC, _MOST_PROCESSES)
    configuration.write_text(
        f'[containers]\ndefault_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]\n'
        'log_driver = "k8s-file"\n[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
    )
    return {**environment, "CONTAINERS_CONF": str(configuration), "DISABLE_HC_SYSTEMD": "true"}


def _limit(kind: int, most: int) -> int:
    own = resource.getrlimit(kind)[1]
    return most if own == resource.RLIM_INFINITY else min(own, most)


def _succeeds(command: Sequence[str], environment: Mapping[str, str] | None = None) -> bool:
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0


def await_healthy(
    engine: Engine, project: str, services: Iterable[str], on_ready: Callable[[str], None], timeout_s: float
) -> None:
    """Wait until the containers of these services are healthy; StackError names one that ended or takes too long."""
    deadline = time.monotonic() + timeout_s
    waiting = dict.fromkeys(services, "has no container")
    while waiting:
        found = engine.containers(project)
        for service in tuple(waiting):
            troubles = [trouble for each in found.get(service, ()) if (trouble := engine.trouble(each))]
            if service in found and not troubles:
                del waiting[service]
                on_ready(service)
            elif troubles:
                waiting[service] = troubles[0]
        if waiting and time.monotonic() > deadline:
            service, trouble = next(iter(waiting.items()))
            raise StackError(f"{service} is not ready after {timeout_s:g} s: {trouble}")
        if waiting:
            time.sleep(_POLL_S)
