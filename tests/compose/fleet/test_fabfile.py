"""Fabric's tasks over real ssh to hosts of this machine."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import sleep

import pytest
from fabric import Config
from invoke.exceptions import CommandTimedOut
from paramiko import Channel

from compose.errors import UsageError
from compose.fleet.inventory import load
from compose.fleet.ssh import connect, explain
from compose.layout import CLONE
from tests.compose.fleet.hosts import Hosts, hosts
from tests.servers import free_port

NAMES = ("host-1", "host-2", "host-3")


@pytest.fixture(scope="module")
def machines() -> Iterator[Hosts]:
    with hosts(*NAMES) as running:
        yield running


@pytest.fixture
def disks(machines: Hosts) -> dict[str, Path]:
    """Each host's disk, empty."""
    for disk in machines.disks.values():
        subprocess.run(["find", disk, "-mindepth", "1", "-delete"], check=True)
    return machines.disks


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two versions of something: the tags good and bad."""
    folder = tmp_path / "repository"
    folder.mkdir()
    for number, version in enumerate(("first", "good", "bad")):
        (folder / "version").write_text(f"{version}\n")
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        for command in (("init", "-q"), ("add", "."), (*identity, "commit", "-q", "-m", version), ("tag", version)):
            if command[0] != "init" or number == 0:
                subprocess.run(("git", *command), cwd=folder, check=True)
    return folder


def fleet(folder: Path, *names: str, **more: str) -> str:
    """A fleet whose restart copies the version to `running`, where health looks for "bad", or a file `broken`."""
    content = {
        "restart": "cp likestorm/current/version running && echo x >> restarts",
        "health": "test ! -e broken && ! grep -q bad running",
        **more,
    }
    lines = [f"hosts = {list(names)}", "patience_s = 2", *(f'{name} = "{value}"' for name, value in content.items())]
    (folder / "fleet.toml").write_text("\n".join(lines))
    return str(folder / "fleet.toml")


def fab(machines: Hosts, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """From another folder, as anybody may call it."""
    command = (sys.executable, "-m", "fabric", "--ssh-config", str(machines.ssh_config), "-r", f"{CLONE}/compose")
    environment = {**os.environ, "HOME": str(machines.ssh_config.parent)}
    environment.pop("PYTHONPATH", None)
    return subprocess.run(
        (*command, *arguments), capture_output=True, text=True, check=False, cwd="/", env=environment, timeout=120
    )


def outcomes(done: "subprocess.CompletedProcess[str]") -> dict[str, tuple[str, str]]:
    """Of each host: its outcome, and what it said."""
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stdout.splitlines() if "│" in line]
    table: dict[str, tuple[str, str]] = {}
    for host, status, _seconds, said in rows:
        last = host or list(table)[-1]
        table[last] = (status or table[last][0], f"{table[last][1]} {said}" if last in table else said)
    assert done.stderr == "" or not table
    return table


def names_of(repository: Path) -> dict[str, str]:
    """The full name of each tag."""
    return {
        tag: subprocess.run(
            ("git", "rev-parse", tag), cwd=repository, check=True, capture_output=True, text=True
        ).stdout.strip()
        for tag in ("first", "good", "bad")
    }


def test_a_command_runs_on_all_hosts_at_once(machines: Hosts, disks: dict[str, Path], tmp_path: Path) -> None:
    # Each waits for the others: one after the other, none would end.
    others = " ".join(f"{disk}/here" for disk in disks.values())
    command = f"touch here; for file in {others}; do until test -e $file; do sleep 0.02; done; done; echo met; echo 42"
    done = fab(machines, "run", "--fleet", fleet(tmp_path, *NAMES), "--command", command)
    assert done.returncode == 0
    assert outcomes(done) == dict.fromkeys(NAMES, ("done", "42"))
    assert sorted(re.findall(r"(?m)^(\S+) \| met$", done.stdout)) == list(NAMES)


def test_a_host_that_fails_is_shown_and_the_exit_status_tells(
    machines: Hosts, disks: dict[str, Path], tmp_path: Path
) -> None:
    (disks["host-2"] / "trouble").touch()
    command = "test ! -e trouble || { echo the disk is on fire >&2; exit 7; }"
    done = fab(machines, "run", "--fleet", fleet(tmp_path, *NAMES), "--command", command)
    assert done.returncode == 1
    assert outcomes(done) == {
        "host-1": ("done", ""), "host-2": ("failed", "exit status 7: the disk is on fire"), "host-3": ("done", "")
    }  # fmt: skip


def test_hosts_that_cannot_be_reached_or_trusted_are_clear_outcomes(
    machines: Hosts, disks: dict[str, Path], tmp_path: Path
) -> None:
    known = load_known_hosts(machines)
    closed = f"127.0.0.1:{free_port()}"
    stranger = f"127.0.0.1:{known[0]}"
    done = fab(
        machines, "run", "--fleet", fleet(tmp_path, "host-1", closed, stranger, "no-such.invalid"), "--command", "true"
    )
    assert done.returncode == 1
    shown = outcomes(done)
    assert shown["host-1"][0] == "done"
    assert {shown[host][0] for host in (closed, stranger, "no-such.invalid")} == {"failed"}
    assert shown[closed][1].startswith("cannot be reached:")
    # By this name no key is known, though somebody answers.
    assert "not found in known_hosts" in shown[stranger][1]
    assert shown["no-such.invalid"][1].startswith("cannot be reached:")
    assert "Traceback" not in done.stdout + done.stderr


def test_a_command_that_does_not_end_is_given_up(machines: Hosts, disks: dict[str, Path], tmp_path: Path) -> None:
    path = fleet(tmp_path, "host-1")
    with Path(path).open("a") as file:
        file.write("\ntimeout_s = 1")
    done = fab(machines, "run", "--fleet", path, "--command", "sleep 5")
    assert (done.returncode, outcomes(done)) == (1, {"host-1": ("failed", "not done within 1 s")})


def test_a_command_that_is_given_up_did_not_end_by_itself(
    machines: Hosts, disks: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Lingering(Channel):  # type: ignore[misc]  # paramiko has no types
        def close(self) -> None:
            super().close()
            sleep(0.3)  # which a busy machine does by itself

    monkeypatch.setattr("paramiko.transport.Channel", Lingering)
    settings = Config(runtime_ssh_path=str(machines.ssh_config))
    with connect("host-1", settings, 0.2) as connection, pytest.raises(CommandTimedOut) as given_up:
        connection.run("sleep 5")
    assert explain(given_up.value) == "not done within 0.2 s"


def test_a_version_is_deployed_and_the_one_before_is_kept(
    machines: Hosts, disks: dict[str, Path], tmp_path: Path, repository: Path
) -> None:
    path, names = fleet(tmp_path, *NAMES, prepare="cp version prepared"), names_of(repository)
    for revision in ("first", "good"):
        done = fab(machines, "deploy", "--fleet", path, "--repository", str(repository), "--revision", revision)
        assert done.returncode == 0, done.stdout
    said = f"{names['good'][:12]} in service, before: {names['first'][:12]}"
    assert outcomes(done) == dict.fromkeys(NAMES, ("done", said))
    for disk in disks.values():
        folder = disk / "likestorm"
        assert (folder / "current").readlink() == Path("releases") / names["good"]
        assert (folder / "current" / "prepared").read_text() == "good\n"
        assert (disk / "running").read_text() == "good\n"
        assert {entry.name for entry in (folder / "releases").iterdir()} == {names["first"], names["good"]}


@pytest.mark.long
def test_a_host_that_is_not_healthy_stays_on_its_version_and_others_go_on(
    machines: Hosts, disks: dict[str, Path], tmp_path: Path, repository: Path
) -> None:
    names = names_of(repository)
    everywhere = fleet(tmp_path, *NAMES)
    assert fab(machines, "deploy", "-f", everywhere, "-e", str(repository), "-r", "first").returncode == 0
    # A disk that is full, in effect: the release cannot be made there.
    (disks["host-1"] / "likestorm" / "releases").chmod(0o555)
    here = fleet(tmp_path, *NAMES, health="! grep -q $(cat hates 2>/dev/null || echo bad) running")
    (disks["host-2"] / "hates").write_text("good")
    done = fab(machines, "deploy", "-f", here, "-e", str(repository), "-r", "good")
    (disks["host-1"] / "likestorm" / "releases").chmod(0o755)
    assert done.returncode == 1
    shown = outcomes(done)
    assert {host: status for host, (status, _) in shown.items()} == {
        "host-1": "failed", "host-2": "failed", "host-3": "done"
    }  # fmt: skip
    said = f"stays on {names['first'][:12]}, since {names['good'][:12]} failed: not healthy after 2 s (exit status 1)"
    assert shown["host-2"][1] == said
    running = {name: (disk / "running").read_text().strip() for name, disk in disks.items()}
    assert running == {"host-1": "first", "host-2": "first", "host-3": "good"}
    assert (disks["host-2"] / "likestorm" / "current").readlink() == Path("releases") / names["first"]


@pytest.mark.long
def test_a_version_whose_health_check_hangs_is_not_healthy(
    machines: Hosts, disks: dict[str, Path], tmp_path: Path, repository: Path
) -> None:
    path = fleet(tmp_path, "host-1", health="! grep -q good running || sleep 30")
    assert fab(machines, "deploy", "-f", path, "-e", str(repository), "-r", "first").returncode == 0
    done = fab(machines, "deploy", "-f", path, "-e", str(repository), "-r", "good")
    assert done.returncode == 1
    assert outcomes(done)["host-1"][1].endswith(" failed: not done within 2 s")
    assert (disks["host-1"] / "running").read_text() == "first\n"


@pytest.mark.long
def test_a_bad_version_leaves_every_host_on_the_old_one(
    machines: Hosts, disks: dict[str, Path], tmp_path: Path, repository: Path
) -> None:
    path = fleet(tmp_path, *NAMES)
    assert fab(machines, "deploy", "-f", path, "-e", str(repository), "-r", "good").returncode == 0
    done = fab(machines, "deploy", "-f", path, "-e", str(repository), "-r", "bad")
    assert done.returncode == 1
    assert {status for status, _ in outcomes(done).values()} == {"failed"}
    assert {(disk / "running").read_text() for disk in disks.values()} == {"good\n"}


def test_a_first_version_that_fails_has_none_to_go_back_to(
    machines: Hosts, disks: dict[str, Path], tmp_path: Path, repository: Path
) -> None:
    done = fab(machines, "deploy", "-f", fleet(tmp_path, "host-1"), "-e", str(repository), "-r", "bad")
    assert done.returncode == 1
    assert "failed, and there is none to go back to: not healthy" in outcomes(done)["host-1"][1]


@pytest.mark.long
def test_a_release_that_was_interrupted_is_made_anew(
    machines: Hosts, disks: dict[str, Path], tmp_path: Path, repository: Path
) -> None:
    name = names_of(repository)["good"]
    arguments = ("-e", str(repository), "-r", "good")
    failed = fab(machines, "deploy", "-f", fleet(tmp_path, "host-1", prepare="rm version; false"), *arguments)
    assert (failed.returncode, outcomes(failed)["host-1"]) == (1, ("failed", "exit status 1"))
    assert not (disks["host-1"] / "likestorm" / "current").exists()
    assert fab(machines, "deploy", "-f", fleet(tmp_path, "host-1"), *arguments).returncode == 0
    assert (disks["host-1"] / "likestorm" / "releases" / name / "version").read_text() == "good\n"


@pytest.mark.long
def test_hosts_are_restarted_in_turn_until_one_fails(
    machines: Hosts, disks: dict[str, Path], tmp_path: Path, repository: Path
) -> None:
    path = fleet(tmp_path, *NAMES)
    assert fab(machines, "deploy", "-f", path, "-e", str(repository), "-r", "good").returncode == 0
    assert fab(machines, "restart", "-f", path).returncode == 0
    (disks["host-2"] / "broken").touch()
    done = fab(machines, "restart", "-f", path)
    assert done.returncode == 1
    assert {host: status for host, (status, _) in outcomes(done).items()} == {
        "host-1": "done", "host-2": "failed", "host-3": "not reached"
    }  # fmt: skip
    restarts = {name: (disk / "restarts").read_text().count("x") for name, disk in disks.items()}
    assert restarts == {"host-1": 3, "host-2": 3, "host-3": 2}


def test_an_unknown_revision_is_wrong_usage(machines: Hosts, tmp_path: Path, repository: Path) -> None:
    done = fab(machines, "deploy", "-f", fleet(tmp_path, "host-1"), "-e", str(repository), "-r", "no-such")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("revision 'no-such': ")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("hosts = []\nrestart = 'x'\nhealth = 'x'", "hosts cannot be []"),
        ("hosts = ['a', 'a']\nrestart = 'x'\nhealth = 'x'", "hosts cannot be ['a', 'a']"),
        ("hosts = ['a']\nrestart = 'x'", "health missing"),
        ("hosts = ['a']\nrestart = ''\nhealth = 'x'", "restart cannot be ''"),
        ("hosts = ['a']\nrestart = 'x'\nhealth = 'x'\npatience_s = -1", "patience_s cannot be -1"),
        ("host = 'a'", "unknown key host, known: hosts, restart"),
        ("hosts = [", "Invalid value"),
    ],
)
def test_a_wrong_fleet_is_refused_in_one_line(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=re.escape(complaint)) as refused:
        load(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert len(str(refused.value).splitlines()) == 1


def load_known_hosts(machines: Hosts) -> list[str]:
    """The ports of the hosts, in their order."""
    return re.findall(r"Port (\d+)", machines.ssh_config.read_text())
