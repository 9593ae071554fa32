"""The files of PgBouncer: its settings, and the secrets of its clients."""

from compose.connection_limits import plan
from compose.credentials import DATABASE, MONITOR, ROLE, Credentials, scram_secret
from compose.layout import Layout
from compose.templates import fill
from compose.topology import Topology


def list_files(topology: Topology, layout: Layout, credentials: Credentials) -> dict[str, str]:
    """pgbouncer.ini, with one database for each PostgreSQL server, and userlist.txt."""
    limits = plan(topology)
    values = {
        "databases": "\n".join(
            f"{name} = host={topology.host(name)} port={topology.ports[name]} dbname={DATABASE}"
            for name in topology.database_servers
        ),
        "listen": topology.listen,
        "monitor": MONITOR,
        "port": topology.ports["pgbouncer"],
        "folder": layout.folder("pgbouncer"),
        "client_connections": limits.client_connections,
        "server_pool": limits.server_pool,
    }
    # The secret of the service's role equals PostgreSQL's: PgBouncer then logs in to PostgreSQL with the keys of the
    # client's own log-in.
    secrets = {ROLE: scram_secret(credentials.database, credentials.salt), MONITOR: credentials.monitor}
    users = "".join(f'"{user}" "{secret}"\n' for user, secret in secrets.items())
    return {"pgbouncer.ini": fill("pgbouncer/pgbouncer.ini", values), "userlist.txt": users}
