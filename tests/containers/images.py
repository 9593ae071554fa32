"""Images for the stack where none can be pulled: a base by debootstrap, Debian's servers on it, and ours."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from compose.containers.images import SERVERS, image
from compose.errors import StackError
from compose.layout import CLONE

HERE = Path(__file__).parent
SUITE = "bookworm"
BASE, SERVER_IMAGE, SERVICE_IMAGE = (
    f"localhost/likestorm-test-{name}:{SUITE}" for name in ("base", "servers", "service")
)
WHEELS = CLONE / ".cache" / "wheels"
_EXPORTERS = ("exporter-node", "exporter-postgres", "exporter-redis", "exporter-blackbox")


def variables() -> Mapping[str, str]:
    """The variables of the Compose file that put these images in the place of the public ones."""
    parts = (*SERVERS.values(), *_EXPORTERS, "front", "alertmanager")
    servers = {f"LIKESTORM_{image(part).variable}_IMAGE": SERVER_IMAGE for part in parts}
    return {**servers, "LIKESTORM_SERVICE_IMAGE": SERVICE_IMAGE}


def build(environment: Mapping[str, str]) -> None:
    """Make what is not there yet; what was made once is found again by podman, layer by layer.

    StackError where podman can run nothing, or no base can be made.
    """
    podman = Podman(environment)
    if not podman.has(BASE):
        _make_base(podman)
    # Not everywhere may a container be run.
    said = podman.try_to_run(BASE, "true")
    if said:
        raise StackError(f"podman cannot run containers here: {said}")
    podman.build(SERVER_IMAGE, HERE / "servers.Dockerfile", HERE, BASE, f"PACKAGES={' '.join(_packages())}")
    _fetch_wheels()
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as settings:
        settings.write("[global]\nno-index = true\nfind-links = /wheels\n")
        settings.flush()
        podman.build(
            SERVICE_IMAGE, CLONE / "compose" / "Dockerfile", CLONE, SERVER_IMAGE,
            options=("--volume", f"{WHEELS}:/wheels:ro", "--secret", f"id=pip,src={settings.name}"),
        )  # fmt: skip


class Podman:
    """podman's commands about images."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def _run(self, *arguments: str, stdin: int | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ("podman", *arguments), env=self._environment, stdin=stdin, capture_output=True, text=True, check=False
        )

    def has(self, name: str) -> bool:
        return self._run("image", "exists", name).returncode == 0

    def try_to_run(self, name: str, command: str) -> str:
        """What it says when it cannot; nothing when it can."""
        done = self._run("run", "--rm", name, command)
        return "" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]

    def load(self, root: Path, name: str) -> None:
        with subprocess.Popen(("tar", "-C", str(root), "-c", "."), stdout=subprocess.PIPE) as tar:
            assert tar.stdout
            done = self._run("import", "-", name, stdin=tar.stdout.fileno())
        assert done.returncode == 0, done.stderr

    def build(
        self, name: str, file: Path, context: Path, base: str, *arguments: str, options: Sequence[str] = ()
    ) -> None:
        before = self._identify(name)
        pairs = [word for pair in (f"BASE={base}", *arguments) for word in ("--build-arg", pair)]
        done = self._run(
            "build", "--isolation", "chroot", "--network", "host", *options, *pairs, "--tag", name, "--file", str(file),
            str(context),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        if before and before != self._identify(name):
            # Nobody knows by name what the new one has replaced.
            self._run("rmi", before)

    def _identify(self, name: str) -> str:
        """The id of an image; nothing where there is none."""
        return self._run("image", "inspect", "--format", "{{.Id}}", name).stdout.strip()


def _make_base(podman: Podman) -> None:
    """Debian's smallest system, with this machine's own package sources; no package starts anything in it."""
    sources = list(_sources())
    if not shutil.which("debootstrap") or not sources or os.geteuid() != 0:
        raise StackError(f"images are made by root, with debootstrap, from package sources of Debian's {SUITE}")
    with tempfile.TemporaryDirectory(prefix="likestorm-base-", dir="/var/tmp") as name:
        root = Path(name) / "root"
        _check("debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, str(root), sources[0].split()[1])
        (root / "etc/apt/sources.list").write_text("".join(f"{line}\n" for line in sources))
        policy = root / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        clusters = root / "etc/postgresql-common/createcluster.d"
        clusters.mkdir(parents=True)
        (clusters / "likestorm.conf").write_text("create_main_cluster = false\n")
        podman.load(root, BASE)


def _sources() -> Iterator[str]:
    """Lines of sources.list, the suite's own first."""
    wanted = "$(REPO_URI) $(CODENAME) $(RELEASE) $(COMPONENT)"
    listed = subprocess.run(
        ("apt-get", "indextargets", "--format", wanted, "Created-By: Packages"),
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    rows = sorted({tuple(line.split()) for line in listed if line.count(" ") == 3}, key=lambda row: row[2] != SUITE)
    for uri, codename, release, component in rows:
        if codename.startswith(SUITE) and component == "main":
            yield f"deb {uri} {release} main"


def _packages() -> list[str]:
    lines = (CLONE / "compose" / "packages.txt").read_text().splitlines()
    return sorted({line.split()[0] for line in lines if line and not line.startswith("#")})


def _fetch_wheels() -> None:
    """The locked packages, so that building an image asks no index."""
    lock = CLONE / "requirements" / "run.txt"
    stamp = WHEELS / "stamp"
    if stamp.exists() and stamp.read_text() == lock.read_text():
        return
    shutil.rmtree(WHEELS, ignore_errors=True)
    _check(
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--require-hashes", "--requirement", str(lock), "--dest", str(WHEELS),
    )  # fmt: skip
    stamp.write_text(lock.read_text())


def _check(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
