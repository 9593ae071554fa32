"""The files of one nginx."""

from compose.layout import Layout
from compose.templates import fill
from compose.topology import Topology


def list_files(name: str, topology: Topology, layout: Layout) -> dict[str, str]:
    """nginx.conf, and apps.conf with the app servers."""
    values = {
        "user_line": user_line(layout),
        "name": name,
        "listen": topology.listen,
        "folder": layout.writable(name),
        "logs": layout.logs,
        "port": topology.ports[name],
        "status_port": topology.ports[f"{name}-status"],
    }
    return {"nginx.conf": fill("nginx/nginx.conf", values), "apps.conf": app_servers(topology)}


def user_line(layout: Layout) -> str:
    """The directive for the workers' user; empty where nginx does not start as root."""
    return f"user {layout.user};" if layout.user else ""


def app_servers(topology: Topology, down: frozenset[str] = frozenset()) -> str:
    """apps.conf: the addresses of the app instances; those in `down` get no requests."""
    lines = (
        f"server {topology.address(name)} max_fails=3 fail_timeout=1s{' down' if name in down else ''};"
        for name in topology.app_instances
    )
    return "".join(f"{line}\n" for line in lines)
