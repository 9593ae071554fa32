"""Real servers for the tests: each on a free port, ready when its `with` block begins, gone when it ends."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import urllib3

PASSWORD = "tests-only"
START_TIMEOUT_S = 15.0
POSTGRES_USER = "postgres"


@dataclass(frozen=True)
class Servers:
    """Where everything listens; `database_url` leads through PgBouncer, `postgres_url` does not."""

    database_url: str
    postgres_url: str
    redis_url: str
    memcached: str
    s3_endpoint: str
    s3_access_key: str
    s3_secret_key: str

    def environment(self) -> dict[str, str]:
        """The service's settings for these servers; cheap passwords."""
        return {
            "LIKESTORM_DATABASE_URL": self.database_url,
            "LIKESTORM_REDIS_URL": self.redis_url,
            "LIKESTORM_MEMCACHED": self.memcached,
            "LIKESTORM_S3_ENDPOINT": self.s3_endpoint,
            "LIKESTORM_S3_ACCESS_KEY": self.s3_access_key,
            "LIKESTORM_S3_SECRET_KEY": self.s3_secret_key,
            "LIKESTORM_PASSWORD_MEMORY_KIB": "64",
            "LIKESTORM_PASSWORD_TIME_COST": "1",
        }


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
        postgres_url = stack.enter_context(postgres(directory / "postgres"))
        redis_url = stack.enter_context(redis())
        memcached_address = stack.enter_context(memcached())
        endpoint = stack.enter_context(object_store(directory / "store"))
        database_url = stack.enter_context(pgbouncer(directory / "pgbouncer", postgres_url))
        yield Servers(database_url, postgres_url, redis_url, memcached_address, endpoint, "tests-key", PASSWORD)


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
def postgres(directory: Path) -> Iterator[str]:
    """A PostgreSQL with a database `likestorm`; its address."""
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    port = free_port()
    data = directory / "data"
    password_file = directory / "password"
    _make_owned(directory)
    password_file.write_text(PASSWORD)
    password_file.chmod(0o644)
    subprocess.run(
        [
            *_unprivileged(), str(binaries / "initdb"), "-D", str(data), "-U", "likestorm", "-A", "scram-sha-256",
            f"--pwfile={password_file}", "--no-sync", "--locale=C", "-E", "UTF8", "--no-instructions",
        ],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    settings = {
        "port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off",
        "shared_buffers": "16MB", "max_connections": 60, "log_min_messages": "fatal",
    }  # fmt: skip
    command = [*_unprivileged(), str(binaries / "postgres"), "-D", str(data)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    base = f"postgresql://likestorm:{PASSWORD}@127.0.0.1:{port}"
    running = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers_sql(f"{base}/postgres"), lambda: running.poll() is None, "postgres")
        with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE likestorm")
        yield f"{base}/likestorm"
    finally:
        stop(running, signal.SIGINT)


@contextmanager
def pgbouncer(directory: Path, postgres_url: str) -> Iterator[str]:
    """A PgBouncer in transaction mode before a PostgreSQL; the address to use in its place."""
    _make_owned(directory)
    port = free_port()
    server_port = postgres_url.rsplit(":", 1)[1].split("/", maxsplit=1)[0]
    users = directory / "users.txt"
    users.write_text(f'"likestorm" "{PASSWORD}"\n')
    configuration = directory / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\nlikestorm = host=127.0.0.1 port={server_port} dbname=likestorm\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\n"
        f"auth_file = {users}\npool_mode = transaction\ndefault_pool_size = 10\nmax_client_conn = 200\n"
    )
    for file in (users, configuration):
        file.chmod(0o644)
    url = f"postgresql://likestorm:{PASSWORD}@127.0.0.1:{port}/likestorm"
    command = [*_unprivileged(), str(_found("pgbouncer")), "-q", str(configuration)]
    with process(command, lambda: answers_sql(url), stderr=subprocess.DEVNULL):
        yield url


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
