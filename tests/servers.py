"""Real servers for the tests: each on a free port, ready when its `with` block begins, gone when it ends."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import psycopg
import urllib3

PASSWORD = "tests-only"
START_TIMEOUT_S = 60.0
POSTGRES_USER = "postgres"


DATABASES = ("likestorm_1", "likestorm_2")
"""Two primaries as far as the service can tell, in one PostgreSQL."""
LOGICAL_SHARDS = 4


@dataclass(frozen=True)
class Servers:
    """Where everything listens.

    shards: file of the map of LOGICAL_SHARDS shards on postgres-1 and postgres-2, through PgBouncer and without
    replicas. postgres_urls: the same databases without PgBouncer; PgBouncer knows any other database of that server
    too (`pooled`). directory: one that every user may enter.
    """

    shards: Path
    postgres_urls: tuple[str, ...]
    pgbouncer_url: str
    redis_url: str
    memcached: str
    s3_endpoint: str
    s3_access_key: str
    s3_secret_key: str
    directory: Path

    def environment(self) -> dict[str, str]:
        """The service's settings for these servers; cheap passwords."""
        return {
            "LIKESTORM_SHARDS": str(self.shards),
            "LIKESTORM_REDIS_URL": self.redis_url,
            "LIKESTORM_MEMCACHED": self.memcached,
            "LIKESTORM_MEDIA_MAP_BUCKETS": "8",
            "LIKESTORM_S3_ENDPOINT": self.s3_endpoint,
            "LIKESTORM_S3_ACCESS_KEY": self.s3_access_key,
            "LIKESTORM_S3_SECRET_KEY": self.s3_secret_key,
            "LIKESTORM_PASSWORD_MEMORY_KIB": "64",
            "LIKESTORM_PASSWORD_TIME_COST": "1",
        }

    def pooled(self, database: str) -> str:
        """The address of a database through PgBouncer."""
        return f"{self.pgbouncer_url}/{database}"


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def all_servers(directory: Path) -> Iterator[Servers]:
    """Every backing store of the service; `directory` is one that the user postgres may enter."""
    with ExitStack() as stack:
        postgres_urls = stack.enter_context(postgres(directory / "postgres"))
        redis_url = stack.enter_context(redis())
        memcached_addresses = [stack.enter_context(memcached()) for _ in range(2)]
        endpoint = stack.enter_context(object_store(directory / "store"))
        pgbouncer_url = stack.enter_context(pgbouncer(directory / "pgbouncer", postgres_urls[0]))
        shards = write_shard_map(directory / "shards.json", [f"{pgbouncer_url}/{name}" for name in DATABASES])
        yield Servers(
            shards, postgres_urls, pgbouncer_url, redis_url, ",".join(memcached_addresses), endpoint, "tests-key",
            PASSWORD, directory,
        )  # fmt: skip


def write_shard_map(
    path: Path, primaries: Sequence[str], replicas: Sequence[str] = (), shards: int = LOGICAL_SHARDS
) -> Path:
    """A map of `shards` logical shards on postgres-1, postgres-2, …, in turn; its path."""
    names = [f"postgres-{number}" for number in range(1, len(primaries) + 1)]
    servers = {
        name: {"primary": primary, "replica": replica}
        for name, primary, replica in zip_longest(names, primaries, replicas)
    }
    content = {"servers": servers, "shards": [names[shard % len(names)] for shard in range(shards)]}
    path.write_text(json.dumps(content))
    path.chmod(0o600)
    return path


@contextmanager
def process(command: list[str], ready: Callable[[], bool], **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A running process that `ready` has found to answer; ended as a group, killed when it will not go."""
    running = subprocess.Popen(  # type: ignore[call-overload]
        command, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **options
    )
    try:
        wait_until(ready, lambda: running.poll() is None, command[0])
        yield running
    finally:
        stop(running)


def stop(running: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> None:
    """End a process and everything it started."""
    if running.poll() is None:
        os.kill(running.pid, how)
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def wait_until(ready: Callable[[], bool], alive: Callable[[], bool] = lambda: True, what: str = "condition") -> None:
    """Return as soon as `ready` holds; AssertionError when `alive` ceases to or time is up."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not ready():
        assert alive(), f"{what} has ended"
        assert time.monotonic() < deadline, f"{what}: not within {START_TIMEOUT_S} s"
        time.sleep(0.02)


@contextmanager
def standing_still(*pids: int) -> Iterator[None]:
    """These processes do nothing for the while; SIGSTOP alone leaves each of their threads another moment."""
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: all(_has_stopped(pid) for pid in pids), what="SIGSTOP")
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _has_stopped(pid: int) -> bool:
    stats = [(task / "stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)


def accepts(port: int) -> bool:
    """Whether something listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answers_sql(url: str) -> bool:
    """Whether a database runs a statement."""
    try:
        with psycopg.connect(url, connect_timeout=2, prepare_threshold=None) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


@contextmanager
def postgres(directory: Path) -> Iterator[tuple[str, ...]]:
    """A PostgreSQL with the databases DATABASES; their addresses."""
    data = directory / "data"
    password_file = directory / "password"
    _make_owned(directory)
    password_file.write_text(PASSWORD)
    password_file.chmod(0o644)
    subprocess.run(
        [
            *_unprivileged(), str(_postgres_binary("initdb")), "-D", str(data), "-U", "likestorm", "-A",
            "scram-sha-256", f"--pwfile={password_file}", "--no-sync", "--locale=C", "-E", "UTF8", "--no-instructions",
        ],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    with _running_postgres(data) as base:
        for name in DATABASES:
            create_database(f"{base}/postgres", name)
        yield tuple(f"{base}/{name}" for name in DATABASES)


@contextmanager
def replica(directory: Path, postgres_url: str) -> Iterator[str]:
    """A streaming replica of a whole PostgreSQL; what to put before /DATABASE."""
    data = directory / "data"
    _make_owned(directory)
    subprocess.run(
        [
            *_unprivileged(), str(_postgres_binary("pg_basebackup")), "-d", postgres_url, "-D", str(data),
            "--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--wal-method=stream",
        ],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    with _running_postgres(data) as base:
        yield base


def create_database(postgres_url: str, name: str) -> None:
    """An empty database, in place of any that has this name."""
    drop_database(postgres_url, name)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy".encode())


def drop_database(postgres_url: str, name: str) -> None:
    """Drop a database, whoever uses it."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


@contextmanager
def _running_postgres(data: Path) -> Iterator[str]:
    port = free_port()
    settings = {
        "port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off",
        "shared_buffers": "16MB", "max_connections": 80, "max_locks_per_transaction": 256, "log_min_messages": "fatal",
        "jit": "off",
    }  # fmt: skip
    command = [*_unprivileged(), str(_postgres_binary("postgres")), "-D", str(data)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    base = f"postgresql://likestorm:{PASSWORD}@127.0.0.1:{port}"
    running = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers_sql(f"{base}/postgres"), lambda: running.poll() is None, "postgres")
        yield base
    finally:
        stop(running, signal.SIGINT)


def _postgres_binary(name: str) -> Path:
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return binaries / name


@contextmanager
def pgbouncer(directory: Path, postgres_url: str) -> Iterator[str]:
    """A PgBouncer in transaction mode before every database of a PostgreSQL; what to put before /DATABASE."""
    _make_owned(directory)
    port = free_port()
    server_port = postgres_url.rsplit(":", 1)[1].split("/", maxsplit=1)[0]
    users = directory / "users.txt"
    users.write_text(f'"likestorm" "{PASSWORD}"\n')
    configuration = directory / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\n* = host=127.0.0.1 port={server_port}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\n"
        f"auth_file = {users}\npool_mode = transaction\ndefault_pool_size = 10\nmax_client_conn = 200\n"
    )
    for file in (users, configuration):
        file.chmod(0o644)
    base = f"postgresql://likestorm:{PASSWORD}@127.0.0.1:{port}"
    command = [*_unprivileged(), str(_found("pgbouncer")), "-q", str(configuration)]
    with process(command, lambda: answers_sql(f"{base}/{DATABASES[0]}"), stderr=subprocess.DEVNULL):
        yield base


@contextmanager
def redis() -> Iterator[str]:
    """A Redis that stores nothing on disk; its address."""
    port = free_port()
    command = [
        str(_found("redis-server")),
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
    ]
    with process(command, lambda: accepts(port)):
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def memcached() -> Iterator[str]:
    """A memcached; host:port."""
    port = free_port()
    command = [str(_found("memcached")), "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-m", "16"]
    if os.geteuid() == 0:
        command += ["-u", "nobody"]
    with process(command, lambda: accepts(port)):
        yield f"127.0.0.1:{port}"


@contextmanager
def object_store(directory: Path) -> Iterator[str]:
    """A nanio without buckets; its address."""
    port = free_port()
    command = [
        sys.executable, "-m", "nanio", "serve", "--data-dir", str(directory), "--host", "127.0.0.1",
        "--port", str(port), "--log-level", "error",
    ]  # fmt: skip
    environment = os.environ | {"NANIO_ACCESS_KEY": "tests-key", "NANIO_SECRET_KEY": PASSWORD}
    with process(command, lambda: accepts(port), env=environment, stderr=subprocess.DEVNULL):
        yield f"http://127.0.0.1:{port}"


def answers_http(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        return urllib3.request("GET", url, timeout=1, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def _unprivileged() -> list[str]:
    """What to put before a command that refuses to run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={POSTGRES_USER}", f"--regid={POSTGRES_USER}", "--clear-groups", "--"]


def _make_owned(directory: Path) -> None:
    directory.mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(directory, POSTGRES_USER, POSTGRES_USER)


def _found(name: str) -> Path:
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    assert path, f"{name} is not installed: make setup"
    return Path(path)
