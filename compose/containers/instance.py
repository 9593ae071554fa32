"""python -m compose.containers.instance NAME HOST:PORT COMMAND…: one instance of the service, and its metrics.

This process passes SIGTERM and SIGINT on, and ends with the command's exit status. It serves the command's metrics, so
that a scrape never waits for a request; the page ends with the command.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from compose.exporters.instances import expose
from compose.exporters.server import serve

FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def main(arguments: list[str]) -> int:
    if len(arguments) < 3 or FOLDER not in os.environ:
        sys.stderr.write(f"usage: {FOLDER}=FOLDER python -m compose.containers.instance NAME HOST:PORT COMMAND…\n")
        return 2
    name, address, *command = arguments
    host, _, port = address.rpartition(":")
    folder = Path(os.environ[FOLDER])
    folder.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(command, env=_environment(name))

    def end(number: int, _frame: FrameType | None) -> None:
        process.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    server = serve(int(port), {"/metrics": lambda: expose(folder)}, host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return _status(process.wait())


def _environment(name: str) -> Mapping[str, str]:
    """The name of the instance has the host name: containers of one service differ by it only."""
    return {**os.environ, "LIKESTORM_INSTANCE": f"{name}-{socket.gethostname()}"}


def _status(code: int) -> int:
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
