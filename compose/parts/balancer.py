"""The parts that clients talk to: balancer, nginx instances, and the CDN with what signs its requests to the store."""

import http.client
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from compose import cdn
from compose.credentials import BUCKET, HOST, REGION, Credentials
from compose.errors import UsageError
from compose.layout import Layout
from compose.parts import Part, python
from compose.readiness import NotReadyError, Probe, http_probe
from compose.scraping import ScrapeJob
from compose.templates import fill
from compose.topology import Topology

# A PEM file with the certificate and its key; with it, the front speaks TLS and nothing else.
TLS_VARIABLE = "LIKESTORM_TLS_CERT"
# How long the edge takes a photo to be in the store still; it asks again in the background.
FRESH_S = 3600
_SYSTEM_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
_TIMEOUT_S = 1.0
# Servers that are known by name may come back with another address.
_RESOLVERS = "resolvers names\n    parse-resolv-conf\n    hold valid 1s\n"


def list_front_parts(
    topology: Topology, layout: Layout, credentials: Credentials, programs: Mapping[str, str]
) -> tuple[Part, ...]:
    """In the order in which they start; `programs` has haproxy and nginx."""
    front = layout.folder("front")
    return (
        Part(
            "signer", "service",
            python(layout, "signer", "-m", "compose.signer", f"{topology.listen}:{topology.ports['signer']}"),
            environment=store_environment(topology, credentials),
        ),
        *(_nginx_part(name, layout, programs) for name in ("cdn", *topology.nginx_instances)),
        Part("front", "service", (programs["haproxy"], "-db", "-f", f"{front}/haproxy.cfg"), layout.user),
    )  # fmt: skip


def _nginx_part(name: str, layout: Layout, programs: Mapping[str, str]) -> Part:
    folder = layout.folder(name)
    command = (programs["nginx"], "-p", str(folder), "-c", f"{folder}/nginx.conf")
    return Part(name, "service", command, stop_signal="QUIT")


def store_environment(topology: Topology, credentials: Credentials) -> dict[str, str]:
    """Where the object store is and what signs for it, as the service is told."""
    return {
        "LIKESTORM_S3_ENDPOINT": f"http://{topology.address('store')}",
        "LIKESTORM_S3_BUCKET": BUCKET,
        "LIKESTORM_S3_REGION": REGION,
        "LIKESTORM_S3_ACCESS_KEY": credentials.store_access,
        "LIKESTORM_S3_SECRET_KEY": credentials.store_secret,
    }


def open_folders(topology: Topology) -> tuple[str, ...]:
    """Parts whose folders the servers' user must be able to enter: nginx is started as root, its worker is not."""
    return ("cdn", *topology.nginx_instances)


def front_texts(topology: Topology, layout: Layout, credentials: Credentials) -> dict[str, dict[str, str]]:
    """Each part's files by name; UsageError when the certificate that is asked for cannot be read."""
    certificate = _read_certificate()
    texts = {
        "front": {"haproxy.cfg": _haproxy(topology, layout, tls=certificate is not None)},
        "cdn": {"nginx.conf": cdn_text(topology, layout, store_environment(topology, credentials))},
        **{name: _nginx_texts(name, topology, layout) for name in topology.nginx_instances},
    }
    if certificate is not None:
        texts["front"]["tls.pem"] = certificate
    return texts


def scheme() -> str:
    """http, or https when there is a certificate for the front."""
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


def _haproxy(topology: Topology, layout: Layout, *, tls: bool) -> str:
    ports = topology.ports
    resolved = " resolvers names init-addr libc,none" if topology.in_containers else ""
    values = {
        "listen": topology.listen,
        "resolvers": _RESOLVERS if topology.in_containers else "",
        "port": ports["front"],
        "status_port": ports["balancer-status"],
        "tls": f" ssl crt {layout.folder('front')}/tls.pem alpn h2,http/1.1" if tls else "",
        "scheme": "https" if tls else "http",
        "servers": "\n".join(
            f"    server {name} {topology.address(name)} check{resolved}" for name in topology.nginx_instances
        ),
    }
    return fill("haproxy/haproxy.cfg", values)


def _nginx_texts(name: str, topology: Topology, layout: Layout) -> dict[str, str]:
    values = {
        "user_line": _user_line(layout),
        "name": name,
        "listen": topology.listen,
        "folder": layout.writable(name),
        "logs": layout.logs,
        "port": topology.ports[name],
        "status_port": topology.ports[f"{name}-status"],
    }
    return {"nginx.conf": fill("nginx/nginx.conf", values), "apps.conf": app_servers(topology)}


def app_servers(topology: Topology, down: frozenset[str] = frozenset()) -> str:
    """apps.conf: where an nginx finds the app instances; those that are down get nothing."""
    lines = (
        f"server {topology.address(name)} max_fails=3 fail_timeout=1s{' down' if name in down else ''};"
        for name in topology.app_instances
    )
    return "".join(f"{line}\n" for line in lines)


def cdn_text(topology: Topology, layout: Layout, store: Mapping[str, str], fresh_s: int = FRESH_S) -> str:
    """cdn.conf before the store that these LIKESTORM_S3_… variables describe."""
    endpoint = urlsplit(store["LIKESTORM_S3_ENDPOINT"])
    encrypted = endpoint.scheme == "https"
    host = endpoint.hostname or ""
    port = endpoint.port or (443 if encrypted else 80)
    verify = (
        f"proxy_ssl_name {host};",
        "proxy_ssl_server_name on;",
        "proxy_ssl_verify on;",
        f"proxy_ssl_trusted_certificate {_SYSTEM_AUTHORITIES};",
    )
    values = {
        "user_line": _user_line(layout),
        "listen": topology.listen,
        "folder": layout.writable("cdn"),
        "logs": layout.logs,
        "port": topology.ports["cdn"],
        "origin_port": topology.ports["origin"],
        "signer_address": topology.address("signer"),
        "status_port": topology.ports["cdn-status"],
        "paths": cdn.PATHS,
        "fresh_s": fresh_s,
        "store_scheme": endpoint.scheme,
        "store_address": f"{host}:{port}",
        # As botocore signs it: without the scheme's own port.
        "store_host": host if port == (443 if encrypted else 80) else f"{host}:{port}",
        "store_tls": "\n".join(f"            {line}" for line in verify) if encrypted else "",
        "bucket": store["LIKESTORM_S3_BUCKET"],
    }
    return fill("cdn/cdn.conf", values)


def _user_line(layout: Layout) -> str:
    return f"user {layout.user};" if layout.user else ""


def front_probes(topology: Topology) -> Mapping[str, Probe]:
    """One probe a part; nginx and the front are ready when an app instance answers through them."""
    ports = topology.ports
    return {
        "signer": http_probe(ports["signer"], "/", status=403),
        "cdn": http_probe(ports["cdn-status"], "/stub_status"),
        **{name: http_probe(ports[name], "/healthz") for name in topology.nginx_instances},
        "front": _tls_probe(ports["front"]) if scheme() == "https" else http_probe(ports["front"], "/healthz"),
    }


def _tls_probe(port: int) -> Probe:
    """The certificate is for the public name, which loopback does not have; that TLS is spoken is enough."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    def probe() -> None:
        connection = http.client.HTTPSConnection(HOST, port, timeout=_TIMEOUT_S, context=context)
        try:
            connection.request("GET", "/healthz")
            status = connection.getresponse().status
            if status != 200:
                raise NotReadyError(f"GET /healthz gives {status}")
        finally:
            connection.close()

    return probe


def front_jobs(topology: Topology) -> tuple[ScrapeJob, ...]:
    """haproxy's own metrics, and the CDN's, which the collectors count; theirs is nginx's as well."""
    return (
        ScrapeJob("haproxy", "front", topology.ports["balancer-status"], "/metrics", is_instrument=True),
        ScrapeJob("cdn", "cdn", topology.ports["collectors"], "/cdn", is_instrument=True),
    )


def cdn_logs(layout: Layout) -> tuple[Path, Path]:
    """What the edge and the origin log, in the form that compose/cdn/requests.py reads."""
    return layout.logs / "cdn-edge.log", layout.logs / "cdn-origin.log"
