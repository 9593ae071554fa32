"""The fakes in a stack: their part, its files and probe, the service's settings, the scrape job."""

import json
from collections.abc import Mapping

from compose.fakes import certificates
from compose.fakes.received import NETWORKS
from compose.layout import Layout
from compose.parts import BACKGROUND, Part, python
from compose.readiness import Probe, http_probe
from compose.scraping import ScrapeJob
from compose.topology import Topology

NAME = "fakes"
TEAM_ID = "LIKESTORM0"
KEY_ID = "FAKEKEY001"
TOPIC = "org.example.likestorm"

# Files in the part's folder.
_CONFIGURATION = "fakes.json"
_AUTHORITY = "authority.pem"
_CERTIFICATE = "certificate.pem"
_KEY = "key.pem"
_PROVIDER_KEY = "provider-key.pem"
_PROVIDER_PUBLIC_KEY = "provider-public-key.pem"


def list_parts(layout: Layout) -> tuple[Part, ...]:
    """The one process; it runs as the same user as the service, which reads its files."""
    command = python(layout, NAME, "-m", "compose.fakes", f"{layout.folder(NAME)}/{_CONFIGURATION}")
    return (Part(NAME, "service", command, niceness=BACKGROUND),)


def list_files(topology: Topology, layout: Layout) -> dict[str, dict[str, str]]:
    """The part's files, with new keys: for one call a stack."""
    folder, made = layout.folder(NAME), certificates.make(topology.host(NAME))
    configuration = {
        "listen": topology.listen,
        "port": topology.ports["fakes"],
        "push_port": topology.ports["fake-push"],
        "certificate": f"{folder}/{_CERTIFICATE}",
        "key": f"{folder}/{_KEY}",
        "provider_keys": {KEY_ID: f"{folder}/{_PROVIDER_PUBLIC_KEY}"},
        "team_id": TEAM_ID,
        "topic": TOPIC,
    }
    files = {
        _CONFIGURATION: json.dumps(configuration, indent=1),
        _AUTHORITY: made.authority,
        _CERTIFICATE: made.server,
        _KEY: made.server_key,
        _PROVIDER_KEY: made.provider_key,
        _PROVIDER_PUBLIC_KEY: made.provider_public_key,
    }
    return {NAME: files}


def service_settings(topology: Topology, layout: Layout) -> dict[str, str]:
    """The variables that make the service talk to the fakes only."""
    folder = layout.folder(NAME)
    return {
        "LIKESTORM_PUSH_URL": f"https://{topology.address('fake-push')}",
        "LIKESTORM_PUSH_CA": f"{folder}/{_AUTHORITY}",
        "LIKESTORM_PUSH_KEY": f"{folder}/{_PROVIDER_KEY}",
        "LIKESTORM_PUSH_KEY_ID": KEY_ID,
        "LIKESTORM_PUSH_TEAM_ID": TEAM_ID,
        "LIKESTORM_PUSH_TOPIC": TOPIC,
        "LIKESTORM_SHARE_NETWORKS": ",".join(f"{name}=http://{topology.address(NAME)}/{name}" for name in NETWORKS),
    }


def list_probes(topology: Topology) -> Mapping[str, Probe]:
    """Its control port answers; that port opens after the push service's."""
    return {NAME: http_probe(topology.ports["fakes"], "/healthz")}


def list_jobs(topology: Topology) -> tuple[ScrapeJob, ...]:
    """The metrics of the fakes, such as fake_received_total."""
    return (ScrapeJob(NAME, NAME, topology.ports["fakes"], "/metrics", is_instrument=True),)
