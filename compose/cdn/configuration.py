"""The file of the CDN: nginx as edge and origin before an object store."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from compose import cdn
from compose.layout import Layout
from compose.nginx.configuration import user_line
from compose.templates import fill
from compose.topology import Topology

# The edge serves a photo for this long without asking the store; afterwards it asks in the background.
FRESH_S = 3600
_SYSTEM_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


def list_files(topology: Topology, layout: Layout, store: Mapping[str, str], fresh_s: int = FRESH_S) -> dict[str, str]:
    """nginx.conf for the store that the variables LIKESTORM_S3_… describe."""
    endpoint = urlsplit(store["LIKESTORM_S3_ENDPOINT"])
    host, default_port = endpoint.hostname or "", 443 if endpoint.scheme == "https" else 80
    port = endpoint.port or default_port
    values = {
        "user_line": user_line(layout),
        "listen": topology.listen,
        "folder": layout.writable("cdn"),
        "edge_log": cdn.edge_log(layout.logs),
        "origin_log": cdn.origin_log(layout.logs),
        "port": topology.ports["cdn"],
        "origin_port": topology.ports["origin"],
        "signer_address": topology.address("signer"),
        "status_port": topology.ports["cdn-status"],
        "paths": cdn.PATHS,
        "fresh_s": fresh_s,
        "store_scheme": endpoint.scheme,
        "store_address": f"{host}:{port}",
        # botocore signs the host without the scheme's own port.
        "store_host": host if port == default_port else f"{host}:{port}",
        "store_tls": _verification(host) if endpoint.scheme == "https" else "",
        "bucket": store["LIKESTORM_S3_BUCKET"],
    }
    return {"nginx.conf": fill("cdn/cdn.conf", values)}


def _verification(host: str) -> str:
    directives = (
        f"proxy_ssl_name {host};",
        "proxy_ssl_server_name on;",
        "proxy_ssl_verify on;",
        f"proxy_ssl_trusted_certificate {_SYSTEM_AUTHORITIES};",
    )
    return "\n".join(f"            {line}" for line in directives)
