"""The file of Redis."""

from compose.connection_limits import plan
from compose.credentials import Credentials
from compose.layout import Layout
from compose.templates import fill
from compose.topology import Topology


def list_files(topology: Topology, layout: Layout, credentials: Credentials) -> dict[str, str]:
    """redis.conf."""
    values = {
        "listen": topology.listen,
        "port": topology.ports["redis"],
        "password": credentials.redis,
        "folder": layout.writable("redis"),
        "clients": plan(topology).redis_clients,
    }
    return {"redis.conf": fill("redis/redis.conf", values)}
