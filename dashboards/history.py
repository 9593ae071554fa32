"""The Prometheus data of a run: kept with its results, and served again by a Prometheus of its own."""

import contextlib
import json
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests
from likestorm.files import replacing

from dashboards import DashboardsError

FILE = "prometheus.tar.gz"
HOST = "127.0.0.1"
TIMEOUT_S = 30.0
READY_WITHIN_S = 20.0
_POLL_S = 0.05


def keep(prometheus_url: str, data: Path, since: datetime, out: Path) -> Path:
    """Write a snapshot of Prometheus's data since `since` into the folder `out`, and return its path.

    data: the folder in which that Prometheus keeps its data. DashboardsError where no snapshot can be made.
    """
    snapshot, kept = data / "snapshots" / _snapshot(prometheus_url), out / FILE
    try:
        with replacing(kept) as partial, tarfile.open(partial, "w:gz", compresslevel=6) as archive:
            for block in sorted(snapshot.iterdir()):
                ends_ms = json.loads((block / "meta.json").read_text())["maxTime"]
                if ends_ms / 1e3 >= since.timestamp():
                    archive.add(block, block.name, filter=_anonymous)
    except OSError as error:
        raise DashboardsError(f"{snapshot} cannot be kept: {error.strerror}") from error
    finally:
        shutil.rmtree(snapshot, ignore_errors=True)
    return kept


def _snapshot(url: str) -> str:
    """The name of a new snapshot, which is a folder below Prometheus's data."""
    try:
        answer = requests.post(f"{url}/api/v1/admin/tsdb/snapshot", timeout=TIMEOUT_S)
        body = answer.json()
    except requests.RequestException as error:
        raise DashboardsError(f"{url}: no snapshot from Prometheus ({type(error).__name__})") from error
    if body.get("status") != "success":
        raise DashboardsError(f"{url}: no snapshot from Prometheus: {body.get('error', answer.reason)}")
    return str(body["data"]["name"])


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """A member of the archive without its owner's name."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


@contextlib.contextmanager
def opened(run: Path) -> Iterator[str]:
    """Yields the URL of a Prometheus that serves the data of a run, from a copy of the data.

    DashboardsError where the run has no data, or Prometheus is missing or does not start.
    """
    with tempfile.TemporaryDirectory(prefix="likestorm-view-") as folder:
        data = Path(folder) / "data"
        data.mkdir()
        # tar refuses members outside of the folder; tarfile of Python 3.11.2 (Debian 12) does not.
        command = ["tar", "-xzf", str(run / FILE), "-C", str(data), "--no-same-owner"]
        unpacked = subprocess.run(command, capture_output=True, text=True, check=False)
        if unpacked.returncode != 0:
            said = unpacked.stderr.strip().splitlines()
            raise DashboardsError(f"{run / FILE} cannot be read, so there is no history: {said[0] if said else ''}")
        with _serving(Path(folder), data) as url:
            yield url


@contextlib.contextmanager
def _serving(folder: Path, data: Path) -> Iterator[str]:
    (folder / "prometheus.yml").write_text("global: {}\n")
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        address = f"{HOST}:{probe.getsockname()[1]}"
    command = [
        # Prometheus then also ends when this process is killed.
        "setpriv", "--pdeathsig", "TERM", "--",
        "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y", f"--web.listen-address={address}", "--log.level=error",
    ]  # fmt: skip
    try:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    except FileNotFoundError as error:
        raise DashboardsError("setpriv is missing, a part of util-linux") from error
    try:
        _await_ready(f"http://{address}", process)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.communicate()


def _await_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = process.communicate()[1].decode(errors="replace").strip().splitlines()
            raise DashboardsError(f"prometheus ended at its start: {said[-1] if said else process.returncode}")
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{url}/-/ready", timeout=1).ok:
                return
        time.sleep(_POLL_S)
    raise DashboardsError(f"prometheus was not ready within {READY_WITHIN_S:g} s")


@dataclass(frozen=True)
class Run:
    """A finished run, by its record: start and end of its window, its scenario and its verdict."""

    start: datetime
    end: datetime
    scenario: str
    verdict: str


def read_run(run: Path) -> Run:
    """The run of a folder; DashboardsError where its record lacks something."""
    try:
        record = json.loads((run / "record.json").read_text())
        start, end = (datetime.fromisoformat(record[key]).astimezone(UTC) for key in ("started_at", "finished_at"))
        return Run(start, end, str(record["scenario"]["name"]), str(record["verdict"]["status"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DashboardsError(f"{run} is not the folder of a finished run: {error!r}") from error
