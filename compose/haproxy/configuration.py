"""The files of the balancer: haproxy's settings, and the certificate where there is one."""

import os
from pathlib import Path

from compose.errors import UsageError
from compose.layout import Layout
from compose.templates import fill
from compose.topology import Topology

# A PEM file with the certificate and its key; with it, the balancer speaks TLS only.
TLS_VARIABLE = "LIKESTORM_TLS_CERT"
# In containers a server can come back under another address.
_RESOLVERS = "resolvers names\n    parse-resolv-conf\n    hold valid 1s\n"


def list_files(topology: Topology, layout: Layout) -> dict[str, str]:
    """haproxy.cfg, and tls.pem; UsageError when the certificate cannot be read."""
    certificate = _read_certificate()
    settings = {"haproxy.cfg": _settings(topology, layout)}
    return settings if certificate is None else settings | {"tls.pem": certificate}


def scheme() -> str:
    """http, or https when there is a certificate."""
    return "https" if os.environ.get(TLS_VARIABLE) else "http"


def _read_certificate() -> str | None:
    path = os.environ.get(TLS_VARIABLE)
    if not path:
        return None
    try:
        text = Path(path).read_text()
    except (OSError, ValueError) as error:
        raise UsageError(f"{TLS_VARIABLE}: {path} cannot be read: {error}") from error
    if "BEGIN CERTIFICATE" not in text or "PRIVATE KEY" not in text:
        raise UsageError(f"{TLS_VARIABLE}: {path} must hold a certificate and its private key, in PEM")
    return text


def _settings(topology: Topology, layout: Layout) -> str:
    tls = f" ssl crt {layout.folder('front')}/tls.pem alpn h2,http/1.1"
    resolved = " resolvers names init-addr libc,none" if topology.in_containers else ""
    values = {
        "listen": topology.listen,
        "resolvers": _RESOLVERS if topology.in_containers else "",
        "port": topology.ports["front"],
        "status_port": topology.ports["balancer-status"],
        "tls": tls if scheme() == "https" else "",
        "scheme": scheme(),
        "servers": "\n".join(
            f"    server {name} {topology.address(name)} check{resolved}" for name in topology.nginx_instances
        ),
    }
    return fill("haproxy/haproxy.cfg", values)
