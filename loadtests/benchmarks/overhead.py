"""What a like costs beside a bare Flask route with one INSERT.

`python -m loadtests.benchmarks.overhead` (or `make overhead`) measures it. Both are driven to saturation by wrk with
the same number of connections, in turn, on one stack in one run; what is printed is the ratio of each pair. The like
goes the whole way: balancer, nginx, session, cache, INSERT and count, invalidation, notification and push, with all
metrics on; the bare route is served by gunicorn directly.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from compose import local
from compose.local import Target
from compose.topology import DEFAULT, DEFAULT_BASE_PORT, named
from loadtests.benchmarks import bare

ROUNDS, SECONDS, CONNECTIONS = 8, 6, 16
USERS = 4000
BARE_OFFSET = 95
LIKE_SCRIPT = """
local tokens, photos = {%s}, {%s}
math.randomseed(%d)
request = function()
  local photo = photos[math.random(#photos)]
  local headers = {Authorization = "Bearer " .. tokens[math.random(#tokens)]}
  return wrk.format("PUT", "/photos/" .. photo .. "/like", headers)
end
"""
BARE_SCRIPT = """
math.randomseed(%d)
request = function()
  return wrk.format("PUT", "/likes/" .. math.random(12000) .. "/" .. math.random(2000))
end
"""


class OverheadError(Exception):
    """The comparison cannot be made; the message says why."""


def measure(base_port: int, console: Console) -> Table:
    """Requests a second of both, in pairs, and their ratios."""
    if not shutil.which("wrk"):
        raise OverheadError("wrk is not installed: apt-get install wrk")
    title = f"{ROUNDS} pairs in turn, {SECONDS} s each at {CONNECTIONS} connections"
    table = Table("pair", "likes/s", "bare INSERTs/s", "ratio", title=title, title_justify="left")
    ratios = []
    with local.up(named(DEFAULT, base_port)) as target, tempfile.TemporaryDirectory() as folder:
        manifest = json.loads(
            local.seed(target, users=USERS, photos_per_user=3, follows_per_user=20, seed=1).read_text()
        )
        with _bare(target, base_port + BARE_OFFSET) as bare_url:
            for number in range(ROUNDS + 1):
                like = Path(folder) / "like.lua"
                tokens = ",".join(f'"{user["token"]}"' for user in manifest["users"])
                photos = ",".join(f'"{photo}"' for photo in manifest["photos"])
                like.write_text(LIKE_SCRIPT % (tokens, photos, number))
                plain = Path(folder) / "bare.lua"
                plain.write_text(BARE_SCRIPT % number)
                pair = [(target.url, like), (bare_url, plain)]
                rates = {script: _drive(url, script) for url, script in (pair if number % 2 else pair[::-1])}
                if number == 0:
                    continue  # warms both up
                ratios.append(rates[like] / rates[plain])
                table.add_row(f"{number}", f"{rates[like]:.0f}", f"{rates[plain]:.0f}", f"{ratios[-1]:.3f}")
                console.print(f"pair {number}: {rates[like]:.0f} likes/s, {rates[plain]:.0f} bare, {ratios[-1]:.3f}")
    table.add_row("median", "", "", f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
    return table


@contextlib.contextmanager
def _bare(target: Target, port: int) -> Iterator[str]:
    """The bare application: as many processes and threads as the service has."""
    servers = json.loads(Path(target.environment["LIKESTORM_SHARDS"]).read_text())["servers"]
    url = next(iter(servers.values()))["primary"]
    bare.prepare(url)
    topology = target.topology
    command = [
        sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread",
        "--workers", str(topology.app), "--threads", str(topology.app_threads), "--no-control-socket",
        "--log-level", "warning", "loadtests.benchmarks.bare:create_app()",
    ]  # fmt: skip
    environment = os.environ | {bare.URL: url, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(["nice", "-n", "5", *command], env=environment) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            _await(address)
            yield address
        finally:
            server.terminate()


def _await(url: str) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(url, timeout=1)  # noqa: S310 - our own address
        except urllib.error.HTTPError:
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise OverheadError(f"the bare route does not answer: {error}") from error
            time.sleep(0.05)


def _drive(url: str, script: Path) -> float:
    """Requests a second that were answered with 2xx or 3xx; OverheadError where others were."""
    command = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{SECONDS}s", "-s", str(script), url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate, refused = re.search(r"Requests/sec:\s+([\d.]+)", said), re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    if not rate or refused or "Socket errors" in said:
        raise OverheadError(f"wrk against {url}: {' '.join(said.split())}")
    return float(rate[1])


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.benchmarks.overhead", description=__doc__)
    parser.add_argument("--base-port", type=int, default=DEFAULT_BASE_PORT)
    console = Console()
    try:
        console.print(measure(parser.parse_args(arguments).base_port, console))
    except OverheadError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
