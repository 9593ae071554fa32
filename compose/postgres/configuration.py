"""The files of each PostgreSQL server."""

from compose.connection_limits import plan
from compose.credentials import REPLICATOR, Credentials
from compose.templates import fill
from compose.topology import LOOPBACK, Topology

NAPTIME_S, NAPTIME_STEP_S = 60, 5


def list_files(topology: Topology, credentials: Credentials) -> dict[str, dict[str, str]]:
    """The files of every primary and replica, by server and name."""
    limits = plan(topology)
    values = {
        "listen": topology.listen,
        "max_connections": limits.max_connections,
        "shared_buffers_mb": limits.shared_buffers_mb,
        "max_wal_mb": limits.max_wal_mb,
        "wal_keep_mb": limits.wal_keep_mb,
    }
    clients = {"replicator": REPLICATOR, "clients": "samenet" if topology.in_containers else f"{LOOPBACK}/32"}
    access = fill("postgres/pg_hba.conf", clients)
    files = {}
    for number, primary in enumerate(topology.primary_instances):
        replica = f"{primary}-replica"
        follow = (
            f"host={topology.host(primary)} port={topology.ports[primary]} user={REPLICATOR} "
            f"password={credentials.replicator} application_name={replica} sslmode=disable"
        )
        # With one naptime, servers that start together would all run autovacuum at the same moment.
        naptime_s = NAPTIME_S + NAPTIME_STEP_S * number
        for server, conninfo in ((primary, ""), (replica, follow)):
            own = {"port": topology.ports[server], "primary": conninfo, "naptime_s": naptime_s}
            files[server] = {
                "postgresql.conf": fill("postgres/postgresql.conf", values | own),
                "pg_hba.conf": access,
            }
    return files
