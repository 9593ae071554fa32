"""Hosts for Fabric: real ssh servers of this machine, each with a folder of its own that stands for its disk."""

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import accepts, free_port, process

SSHD = "/usr/sbin/sshd"
SFTP_SERVER = "/usr/lib/openssh/sftp-server"
UNPRIVILEGED = "postgres"


@dataclass(frozen=True)
class Hosts:
    """The hosts' disks by name, and the ssh_config by which they are reached."""

    disks: dict[str, Path]
    ssh_config: Path


@contextmanager
def hosts(*names: str) -> Iterator[Hosts]:
    """One ssh server a name; for root they run as somebody who may do nothing."""
    user = UNPRIVILEGED if os.geteuid() == 0 else getpass.getuser()
    with tempfile.TemporaryDirectory(prefix="likestorm-tests-") as place, ExitStack() as stack:
        folder = Path(place)
        folder.chmod(0o755)
        key = make_key(folder / "key")
        known = folder / "known_hosts"
        lines = []
        for name in names:
            port = free_port()
            disk = make_disk(folder / name, f"127.0.0.1:{port}", key.with_suffix(".pub").read_text(), user)
            command = [SSHD, "-D", "-e", "-f", f"{disk.parent}/sshd_config"]
            options = {"user": user, "group": user, "extra_groups": []} if os.geteuid() == 0 else {}
            stack.enter_context(process(command, lambda port=port: accepts(port), stderr=subprocess.DEVNULL, **options))  # type: ignore[misc]
            with known.open("a") as file:
                file.write(f"[127.0.0.1]:{port} {(disk.parent / 'host_key.pub').read_text()}")
            lines.append(
                f"Host {name}\n  HostName 127.0.0.1\n  Port {port}\n  User {user}\n  IdentityFile {key}\n"
                f"  UserKnownHostsFile {known}\n"
            )
        (folder / "ssh_config").write_text("".join(lines))
        yield Hosts({name: folder / name / "disk" for name in names}, folder / "ssh_config")


def make_key(path: Path) -> Path:
    """A key pair without a passphrase; the path of the private one."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


def make_disk(folder: Path, listen: str, public_key: str, user: str) -> Path:
    """The configuration of a server that listens at ADDRESS:PORT, and where whoever logs in finds himself."""
    disk = folder / "disk"
    disk.mkdir(parents=True)
    make_key(folder / "host_key")
    # All hosts share this machine's files: what is run begins in the host's own folder.
    forced = f'command="cd {disk} && eval $SSH_ORIGINAL_COMMAND"'
    (folder / "authorized_keys").write_text(f"{forced} {public_key}")
    (folder / "sshd_config").write_text(
        f"ListenAddress {listen}\nHostKey {folder}/host_key\nAuthorizedKeysFile {folder}/authorized_keys\n"
        f"PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        f"Subsystem sftp {SFTP_SERVER}\n"
    )
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, user, user)
    return disk
