"""The parts that clients talk to: balancer, nginx instances, and the CDN with the signer of its requests."""

from collections.abc import Mapping

from compose.credentials import Credentials
from compose.haproxy.configuration import scheme
from compose.layout import Layout
from compose.parts import Part, python
from compose.parts.stores import store_settings
from compose.readiness import Probe, http_probe
from compose.scraping import ScrapeJob
from compose.topology import Topology


def list_balancer(
    topology: Topology, layout: Layout, credentials: Credentials, programs: Mapping[str, str]
) -> tuple[Part, ...]:
    """In the order in which they start; `programs` has haproxy and nginx."""
    haproxy = (programs["haproxy"], "-db", "-f", f"{layout.folder('front')}/haproxy.cfg")
    return (
        Part(
            "signer", "service",
            python(layout, "signer", "-m", "compose.signer", f"{topology.listen}:{topology.ports['signer']}"),
            environment=store_settings(topology, credentials),
        ),
        *(_nginx_part(name, layout, programs) for name in ("cdn", *topology.nginx_instances)),
        Part("front", "service", haproxy, layout.user),
    )  # fmt: skip


def _nginx_part(name: str, layout: Layout, programs: Mapping[str, str]) -> Part:
    folder = layout.folder(name)
    command = (programs["nginx"], "-p", str(folder), "-c", f"{folder}/nginx.conf")
    return Part(name, "service", command, stop_signal="QUIT")


def open_folders(topology: Topology) -> tuple[str, ...]:
    """Parts whose folders the servers' user must be able to enter: nginx starts as root, its workers do not."""
    return ("cdn", *topology.nginx_instances)


def balancer_probes(topology: Topology) -> Mapping[str, Probe]:
    """One probe a part; nginx and the balancer are ready when an app instance answers through them."""
    ports = topology.ports
    return {
        "signer": http_probe(ports["signer"], "/", status=403),
        "cdn": http_probe(ports["cdn-status"], "/stub_status"),
        **{name: http_probe(ports[name], "/healthz") for name in topology.nginx_instances},
        "front": http_probe(ports["front"], "/healthz", is_encrypted=scheme() == "https"),
    }


def balancer_jobs(topology: Topology) -> tuple[ScrapeJob, ...]:
    """haproxy's own metrics, and the CDN's from the collectors."""
    return (
        ScrapeJob("haproxy", "front", topology.ports["balancer-status"], "/metrics", is_instrument=True),
        ScrapeJob("cdn", "cdn", topology.ports["collectors"], "/cdn", is_instrument=True),
    )
