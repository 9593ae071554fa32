"""What Prometheus saw of a run, kept with the run's results, and read again by a Prometheus of our own."""

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

from dashboards import DashboardsError

FILE = "prometheus.tar.gz"
HOST = "127.0.0.1"
TIMEOUT_S = 30.0
READY_WITHIN_S = 20.0
_POLL_S = 0.05


def keep(prometheus_url: str, data: Path, since: datetime, out: Path) -> Path:
    """Put a snapshot of Prometheus's data since then into the folder `out`, and return its path.

    data: the folder in which that Prometheus keeps its data. DashboardsError where there is none to be had.
    """
    name = _snapshot(prometheus_url)
    snapshot = data / "snapshots" / name
    kept = out / FILE
    partial = kept.with_name(f"{FILE}.partial")
    try:
        with tarfile.open(partial, "w:gz", compresslevel=6) as archive:
            for block in sorted(snapshot.iterdir()):
                if _ends(block) >= since.timestamp():
                    archive.add(block, block.name, filter=_anonymous)
        partial.replace(kept)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DashboardsError(f"{snapshot} cannot be kept: {error.strerror}") from error
    finally:
        shutil.rmtree(snapshot, ignore_errors=True)
    return kept


def _snapshot(url: str) -> str:
    """The name of a new snapshot, under which it lies in Prometheus's own folder."""
    try:
        answer = requests.post(f"{url}/api/v1/admin/tsdb/snapshot", timeout=TIMEOUT_S)
        body = answer.json()
    except requests.RequestException as error:
        raise DashboardsError(f"{url}: no snapshot from Prometheus ({type(error).__name__})") from error
    if body.get("status") != "success":
        raise DashboardsError(f"{url}: no snapshot from Prometheus: {body.get('error', answer.reason)}")
    return str(body["data"]["name"])


def _ends(block: Path) -> float:
    """The Unix time of a block's last sample."""
    return float(json.loads((block / "meta.json").read_text())["maxTime"]) / 1e3


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Whoever ran the stack is nobody's business."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


@contextlib.contextmanager
def opened(run: Path) -> Iterator[str]:
    """The URL of a Prometheus that answers from what was kept with a run, as long as the block lasts.

    It works on a copy, so the run's folder stays as it is. DashboardsError where nothing was kept, or Prometheus is
    missing or does not start.
    """
    kept = run / FILE
    with tempfile.TemporaryDirectory(prefix="likestorm-view-") as folder:
        data = Path(folder) / "data"
        try:
            with tarfile.open(kept) as archive:
                _unpack(archive, data)
        except (OSError, tarfile.TarError) as error:
            raise DashboardsError(f"{kept} cannot be read: {error}; without it there is no history") from error
        with _serving(Path(folder), data) as url:
            yield url


def _unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """Files and folders below `folder`, nothing else; Python's own filter for this is not in Debian 12's 3.11.2."""
    top = folder.resolve()
    for member in archive:
        if not (member.isreg() or member.isdir()) or not (top / member.name).resolve().is_relative_to(top):
            raise tarfile.TarError(f"{member.name} is none of a run's files")
    archive.extraction_filter = lambda member, _path: member
    archive.extractall(folder)  # noqa: S202 (each member has been looked at)


@contextlib.contextmanager
def _serving(folder: Path, data: Path) -> Iterator[str]:
    empty = folder / "prometheus.yml"
    empty.write_text("global: {}\n")
    port = _free_port()
    command = [
        # It ends with us even when we are killed.
        "setpriv", "--pdeathsig", "TERM", "--",
        "prometheus", f"--config.file={empty}", f"--storage.tsdb.path={data}", "--storage.tsdb.retention.time=100y",
        f"--web.listen-address={HOST}:{port}", "--log.level=error",
    ]  # fmt: skip
    try:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    except FileNotFoundError as error:
        raise DashboardsError("setpriv is missing, a part of util-linux") from error
    try:
        _await_ready(f"http://{HOST}:{port}", process)
        yield f"http://{HOST}:{port}"
    finally:
        process.terminate()
        process.communicate()


def _await_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = process.communicate()[1].decode(errors="replace").strip().splitlines()
            raise DashboardsError(f"prometheus died at start: {said[-1] if said else process.returncode}")
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{url}/-/ready", timeout=1).ok:
                return
        time.sleep(_POLL_S)
    raise DashboardsError(f"prometheus was not ready within {READY_WITHIN_S:g} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Run:
    """A finished run as its record tells it: when its window began and ended, and its verdict."""

    start: datetime
    end: datetime
    scenario: str
    verdict: str


def read_run(run: Path) -> Run:
    """The run whose folder this is; DashboardsError where its record does not say what is needed."""
    try:
        record = json.loads((run / "record.json").read_text())
        start, end = (datetime.fromisoformat(record[key]).astimezone(UTC) for key in ("started_at", "finished_at"))
        return Run(start, end, str(record["scenario"]["name"]), str(record["verdict"]["status"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DashboardsError(f"{run} is not the folder of a finished run: {error!r}") from error
