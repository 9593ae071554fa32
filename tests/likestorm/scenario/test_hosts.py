"""Where load may go. Every address here is loopback's, or one that is refused before a packet is sent."""

import subprocess
import sys
import textwrap

import pytest
from likestorm.scenario.hosts import HostGuard, RefusedError


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://127.9.8.7/x", "http://[::1]:80", "http://localhost"])
def test_loopback_needs_no_permission(url: str) -> None:
    HostGuard().check_url(url)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://192.0.2.7:8080/", "192.0.2.7"),
        ("http://[2001:db8::1]/", "2001:db8::1"),
        ("http://likestorm.invalid/", "likestorm.invalid"),
        ("http:///path", " "),
    ],
)
def test_anything_else_is_refused_with_what_would_allow_it(url: str, host: str) -> None:
    guard = HostGuard(["203.0.113.5"])
    with pytest.raises(RefusedError, match=r"allow_hosts under \[target\]") as refused:
        guard.check_url(url)
    assert f"load to {host}" in str(refused.value)
    assert guard.refusal == str(refused.value)


def test_what_is_allowed_by_name_or_address_is_not_refused() -> None:
    guard = HostGuard(["Likestorm.Invalid", "192.0.2.7", "[2001:db8::1]"])
    guard.check_url("http://likestorm.invalid:8080/x")
    guard.check_url("https://192.0.2.7/")
    guard.check_url("https://[2001:db8::1]:8443/")
    assert guard.refusal == ""


def _guarded(code: str, *allowed: str) -> str:
    """What a process prints that checks all its sockets."""
    program = (
        f"import socket\nfrom likestorm.scenario.hosts import HostGuard\n"
        f"guard = HostGuard({list(allowed)})\nguard.install()\n"
    )

    command = [sys.executable, "-c", program + textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


def test_a_guarded_process_cannot_open_a_connection_or_send_a_packet_elsewhere() -> None:
    """192.0.2.0/24 is set aside for documentation; the guard raises before the system is asked."""
    said = _guarded(
        """
        for kind, send in (
            (socket.SOCK_STREAM, lambda s: s.connect(("192.0.2.7", 80))),
            (socket.SOCK_STREAM, lambda s: s.connect_ex(("192.0.2.7", 80))),
            (socket.SOCK_STREAM, lambda s: socket.create_connection(("likestorm.invalid", 80))),
            (socket.SOCK_DGRAM, lambda s: s.sendto(b"x", ("192.0.2.7", 80))),
        ):
            with socket.socket(socket.AF_INET, kind) as each:
                try:
                    send(each)
                except OSError as error:
                    print(type(error).__name__)
        print(guard.refusal)
        """
    )
    *errors, refusal = said.splitlines()
    assert errors == ["RefusedError"] * 4
    assert "load to 192.0.2.7 is refused" in refusal


def test_a_guarded_process_reaches_loopback_by_name_by_address_and_by_path() -> None:
    said = _guarded(
        """
        import os, tempfile
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            for host in ("127.0.0.1", "localhost", "::ffff:127.0.0.1"):
                with socket.create_connection((host, port)):
                    print("connected")
        path = os.path.join(tempfile.mkdtemp(), "socket")
        with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
            server.bind(path)
            server.listen()
            client.connect(path)
            print("connected", guard.refusal)
        """
    )
    assert said.splitlines() == ["connected"] * 4
