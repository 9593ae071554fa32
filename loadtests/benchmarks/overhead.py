"""What a like costs beside a bare Flask route with one INSERT.

`python -m loadtests.benchmarks.overhead` (or `make overhead`) measures it. Both are driven to saturation by wrk with
the same number of connections, in turn, on one stack in one run; what is printed is the ratio of each pair, and their
Hodges-Lehmann estimate with its 95 % interval. The like goes the whole way: balancer, nginx, session, cache, INSERT and
count, invalidation, notification and push, with all metrics on; the bare route is served by gunicorn directly. Pushes
that are left when the likes end are sent before anything else is driven: nobody's rate pays for them, and the log says
how long that took.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from likestorm.arguments import count

from compose import local
from compose.errors import StackError
from compose.exporters.rq import Queues
from compose.layout import STATE
from compose.local import Target
from compose.topology import DEFAULT, DEFAULT_BASE_PORT, named
from loadtests.benchmarks import bare
from loadtests.benchmarks.result import Figure, median, ratio

ROUNDS, SECONDS, CONNECTIONS = 16, 8, 16
USERS = 4000
QUIET_S = 60.0
UNDER_WAY = frozenset({"queued", "started"})
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


def figures(base_port: int) -> list[Figure]:
    """Everything, as BENCHMARKS.md has it."""
    return describe(measure(base_port, STATE, ROUNDS, SECONDS))


def describe(pairs: Sequence[tuple[float, float]]) -> list[Figure]:
    """The medians of both rates, and the ratio of the pairs; `pairs`: the bare route's rate and the like's."""
    bare_rates, likes = zip(*pairs, strict=True)
    return [
        median(f"likes/s at {CONNECTIONS} connections", likes, "", 0),
        median(f"bare route, requests/s at {CONNECTIONS} connections", bare_rates, "", 0),
        ratio("like over bare route", pairs),
    ]


def measure(base_port: int, state: Path, rounds: int, seconds: int) -> list[tuple[float, float]]:
    """Requests a second of the bare route and of the like, in pairs; one more pair before warms both up."""
    find_wrk()
    pairs = []
    with (
        local.up(named(DEFAULT, base_port), state=state.resolve()) as target,
        tempfile.TemporaryDirectory(prefix="likestorm-overhead-") as folder,
    ):
        filled = local.seed(target, users=USERS, photos_per_user=3, follows_per_user=20, seed=1)
        manifest = json.loads(filled.read_text())
        like, plain = Path(folder) / "like.lua", Path(folder) / "bare.lua"
        with _bare(target, base_port + BARE_OFFSET) as bare_url:
            for number in range(rounds + 1):
                like.write_text(like_script(manifest, number))
                plain.write_text(BARE_SCRIPT % number)
                rates, left_s = {}, {}
                for url, script in ((target.url, like), (bare_url, plain))[:: 1 if number % 2 else -1]:
                    rates[script] = drive(url, script, seconds)
                    left_s[script] = await_quiet(target)
                if number:
                    pairs.append((rates[plain], rates[like]))
                    print(
                        f"pair {number}: {rates[like]:.0f} likes/s, pushes done {left_s[like]:.1f} s later, "
                        f"{rates[plain]:.0f} bare, {rates[like] / rates[plain]:.3f}", flush=True
                    )  # fmt: skip
    return pairs


def await_quiet(target: Target) -> float:
    """Wait until no job is left, which would be done at the expense of what comes next; how many s it took."""
    queues = Queues(target.environment["LIKESTORM_REDIS_URL"], target.topology.workers)
    began = time.monotonic()
    try:
        while any(
            each.value and each.labels.get("status") in UNDER_WAY for family in queues() for each in family.samples
        ):
            if time.monotonic() > began + QUIET_S:
                raise OverheadError(f"jobs are left of the load before after {QUIET_S:g} s")
            time.sleep(0.1)
    finally:
        queues.close()
    return time.monotonic() - began


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


def find_wrk() -> None:
    """OverheadError where there is no wrk."""
    if not shutil.which("wrk"):
        raise OverheadError("wrk is not installed: apt-get install wrk")


def like_script(manifest: Mapping[str, Any], seed: int) -> str:
    """What wrk is to ask: likes of photos by users, each drawn by lot."""
    tokens = ",".join(f'"{user["token"]}"' for user in manifest["users"])
    photos = ",".join(f'"{photo}"' for photo in manifest["photos"])
    return LIKE_SCRIPT % (tokens, photos, seed)


def drive(url: str, script: Path, seconds: int = SECONDS) -> float:
    """Requests a second that were answered with 2xx or 3xx; OverheadError where others were."""
    return rate(start(url, script, seconds))


def start(url: str, script: Path, seconds: int) -> subprocess.Popen[str]:
    """wrk, which asks until that time is over or it is interrupted."""
    command = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "-s", str(script), url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def rate(wrk: subprocess.Popen[str]) -> float:
    """What it came to, once it has ended; OverheadError where not everything was answered with 2xx or 3xx."""
    said = " ".join(part for text in wrk.communicate() for part in text.split())
    reached, refused = re.search(r"Requests/sec: ([\d.]+)", said), re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    if wrk.returncode or not reached or refused or "Socket errors" in said:
        raise OverheadError(f"wrk: {said}")
    return float(reached[1])


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.benchmarks.overhead", description=__doc__)
    parser.add_argument("--base-port", type=int, default=DEFAULT_BASE_PORT, help="first of the ports (%(default)s)")
    parser.add_argument("--state", type=Path, default=STATE, help="where the stack keeps its files")
    parser.add_argument("--rounds", type=count, default=ROUNDS, help="how many pairs (%(default)s)")
    parser.add_argument("--seconds", type=count, default=SECONDS, help="how long each side is driven (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        for figure in describe(measure(options.base_port, options.state, options.rounds, options.seconds)):
            print(f"{figure.what}: {figure.value} ({figure.interval})")
    except (OverheadError, StackError) as error:
        print(f"overhead: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
