"""Machines on a network of their own: network namespaces with an address, a host name, and names for the others."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.servers import wait_until

NETNS = Path("/etc/netns")
"""What lies here in a namespace's folder takes the place of the file of /etc, for whatever is started in it."""
NAMED = 'hostname "$0"; mount -t tmpfs none /run; mkdir /run/sshd; exec "$@"'
"""Each command has mounts of its own, so this /run, where sshd wants a folder, is seen by nobody else."""


@dataclass(frozen=True)
class Network:
    """Machines by name; `switch` is the namespace of the bridge that joins them."""

    switch: str
    addresses: dict[str, str]

    def namespace(self, name: str) -> str:
        """The namespace of a machine."""
        return f"{self.switch}-{name}"

    def command(self, name: str, *command: str) -> list[str]:
        """A command as it is run on that machine."""
        return [
            "ip", "netns", "exec", self.namespace(name), "unshare", "--uts", "sh", "-c", NAMED, name, *command
        ]  # fmt: skip

    def cut_off(self, name: str) -> None:
        """Pull the plug of a machine: nothing reaches it or leaves it, and nobody is told."""
        _ip("-n", self.switch, "link", "set", name, "down")

    def join(self, name: str) -> None:
        """Put the plug back."""
        _ip("-n", self.switch, "link", "set", name, "up")

    def commands(self, name: str) -> dict[int, str]:
        """What runs on a machine: command lines by pid."""
        found = {}
        for pid in map(int, _ip("netns", "pids", self.namespace(name)).split()):
            with suppress(OSError):  # it may just have ended
                found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        return found


def why_not() -> str:
    """Why there can be no such machines here; empty where there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    trial = f"ls-{os.getpid()}-trial"
    try:
        _ip("netns", "add", trial)
        try:
            _ip("-n", trial, "link", "add", "bridge", "type", "bridge")
            _ip("-n", trial, "link", "add", "one", "type", "veth", "peer", "name", "other")
        finally:
            _ip("netns", "del", trial)
    except (OSError, AssertionError) as error:
        return f"no network namespaces here: {error}"
    return ""


@contextmanager
def network(*names: str) -> Iterator[Network]:
    """Machines with these names, on one network; whatever still runs on them at the end is killed."""
    switch = f"ls-{os.getpid()}"
    made = Network(switch, {name: f"192.0.2.{number}" for number, name in enumerate(names, 1)})
    with ExitStack() as stack:
        _add(stack, switch)
        _ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", switch, "link", "set", "bridge", "up")
        for name, address in made.addresses.items():
            namespace = made.namespace(name)
            stack.callback(shutil.rmtree, NETNS / namespace)
            (NETNS / namespace).mkdir(parents=True)
            lines = ["127.0.0.1 localhost", *(f"{each} {other}" for other, each in made.addresses.items())]
            (NETNS / namespace / "hosts").write_text("\n".join(lines) + "\n")
            _add(stack, namespace)
            stack.callback(_kill, made, name)
            _ip("-n", namespace, "link", "add", "eth0", "type", "veth", "peer", "name", name, "netns", switch)
            _ip("-n", switch, "link", "set", name, "master", "bridge", "up")
            _ip("-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                _ip("-n", namespace, "link", "set", device, "up")
        yield made
    with suppress(OSError):  # other namespaces' files may be there
        NETNS.rmdir()


def _add(stack: ExitStack, namespace: str) -> None:
    _ip("netns", "add", namespace)
    stack.callback(_ip, "netns", "del", namespace)


def _kill(made: Network, name: str) -> None:
    def is_empty() -> bool:
        for pid in made.commands(name):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not made.commands(name)

    wait_until(is_empty, what=f"the end of what runs on {name}")


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr.strip()}"
    return done.stdout
