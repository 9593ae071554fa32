"""haproxy's runtime socket: which nginx gets requests, and how many are in flight."""

import csv
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from compose.errors import StackError

BACKEND = "nginx"
_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Server:
    """One nginx as haproxy sees it; in_flight: requests. answered: responses with 2xx since haproxy started."""

    in_flight: int
    answered: int
    is_healthy: bool
    is_drained: bool


class Balancer:
    """One running haproxy, by its folder; StackError when it does not answer or does not know the nginx."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def drain(self, name: str) -> None:
        """Send the nginx no new requests; those in flight go on."""
        self._command(f"set server {BACKEND}/{name} state drain")

    def admit(self, name: str) -> None:
        """Send the nginx requests again while it is healthy."""
        self._command(f"set server {BACKEND}/{name} state ready")

    def servers(self) -> dict[str, Server]:
        """Every nginx by name."""
        rows = csv.DictReader(self._ask("show stat").removeprefix("# ").splitlines())
        return {
            row["svname"]: Server(
                int(row["scur"]), int(row["hrsp_2xx"]), row["status"].startswith(("UP", "DRAIN")), row["weight"] == "0"
            )
            for row in rows
            if row["pxname"] == BACKEND and row["svname"] != "BACKEND"
        }

    def _command(self, command: str) -> None:
        complaint = self._ask(command).strip()
        if complaint:
            raise StackError(f"haproxy, asked to {command!r}: {complaint}")

    def _ask(self, command: str) -> str:
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(_TIMEOUT_S)
                # Through the open folder: a socket address has no room for a long path.
                client.connect(f"/proc/self/fd/{folder}/admin.sock")
                client.sendall(f"{command}\n".encode())
                with client.makefile() as answer:
                    return answer.read()
        except OSError as error:
            raise StackError(f"haproxy does not answer: {error}") from error
        finally:
            os.close(folder)
