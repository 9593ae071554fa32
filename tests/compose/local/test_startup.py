import signal
import socket
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from compose import layout, local
from compose.credentials import Credentials
from compose.errors import StackError
from compose.local import binaries, processes, startup, supervision
from compose.local.files import write_files
from compose.local.supervision import Supervisor
from compose.registry import list_parts, list_probes
from compose.topology import Topology
from tests.compose.stacks import is_listening, list_processes


def test_a_taken_port_is_named_with_its_part_and_the_way_out(topology: Topology, state: Path) -> None:
    port = topology.ports["redis"]
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(StackError, match=rf"^port {port} \(redis\) is taken by .*pid \d+.*BASE_PORT="):
            local.start(topology, state=state)
    assert list_processes(state) == []


def test_a_part_that_dies_at_start_is_named_at_once_with_what_it_said(
    topology: Topology, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = binaries.locate()
    # A real server that refuses: PgBouncer does not know memcached's options.
    monkeypatch.setattr(binaries, "locate", lambda: programs | {"memcached": programs["pgbouncer"]})
    began = time.monotonic()
    with pytest.raises(StackError, match=r"^memcached-\d died at start .*invalid option.*memcached-\d\.log\)$"):
        local.start(topology, state=state)
    assert time.monotonic() - began < startup.READY_TIMEOUT_S / 2
    assert list_processes(state) == []
    assert not any(is_listening(port) for port in topology.ports.values())
    assert [entry.name for entry in state.iterdir()] == ["logs"]


def test_a_missing_program_is_named_before_anything_starts(
    topology: Topology, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "PROGRAMS", binaries.PROGRAMS | {"prometheus": ("no-such-prometheus",)})
    with pytest.raises(StackError, match=r"no-such-prometheus \(make setup\)"), local.up(topology, state=state):
        pass
    assert list(state.iterdir()) == []


def test_parts_start_in_turn_where_only_some_may_be_on_their_way(topology: Topology, state: Path) -> None:
    made, credentials = layout.choose(state, None), Credentials()
    made.make()
    names = ["memcached-1", "memcached-2", "redis"]
    seen: list[tuple[str, list[bool]]] = []
    try:
        parts = list_parts(topology, made, credentials, binaries.locate())
        write_files(topology, made, credentials, parts)
        pid = supervision.launch(made, tied=True)
        supervisor = Supervisor(topology.ports["supervisor"], credentials.supervisor)
        startup.await_supervisor(supervisor, made, lambda: psutil.pid_exists(pid))
        probes = list_probes(topology, credentials)

        def probe(name: str) -> None:
            probes[name]()
            states = supervisor.states()
            seen.append((name, [states[each].pid != 0 for each in names]))

        supervisor.start(names[:1])
        startup.await_ready({name: partial(probe, name) for name in names}, supervisor, made, to_start=names[1:])
    finally:
        processes.end(processes.find(made, None))
        made.clear()
    assert seen == [
        ("memcached-1", [True, False, False]),
        ("memcached-2", [True, True, False]),
        ("redis", [True, True, True]),
    ]


def test_the_last_lines_of_a_log_become_one(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    log.write_text("first\nsecond\n\nthird\nfourth\n")
    assert startup.tail(log) == f"second | third | fourth ({log})"
    assert startup.tail(tmp_path / "none.log").startswith("it logged nothing")


def test_a_command_of_the_service_that_fails_says_why_in_one_line() -> None:
    environment = {"LIKESTORM_SHARDS": "/no/such/file", "PATH": "/usr/bin"}
    with pytest.raises(StackError, match=r"^python -m service migrate failed: .+") as raised:
        startup.run_service(("migrate",), environment)
    assert "\n" not in str(raised.value)


def test_sigterm_while_it_starts_takes_everything_down(topology: Topology, state: Path) -> None:
    def interrupt(phase: str) -> None:
        if phase == "stores":
            signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), local.up(topology, on_phase=interrupt, state=state):
        pass
    assert signal.getsignal(signal.SIGTERM) is before
    assert list_processes(state) == []
    assert [entry.name for entry in state.iterdir()] == ["logs"]


def test_a_topology_that_the_machine_cannot_bear_is_refused_before_anything_starts(
    topology: Topology, state: Path
) -> None:
    huge = replace(topology, name="huge", app=2000, app_threads=64)
    with pytest.raises(StackError, match=r"^topology huge: 2000 app instances of 64 threads .* PgBouncer"):
        local.start(huge, state=state)
    assert list(state.iterdir()) == []
