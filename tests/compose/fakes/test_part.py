"""What the fakes contribute to a stack fits together."""

import ipaddress
from pathlib import Path

import jwt
import pytest
from cryptography import x509

from compose.fakes import configuration
from compose.fakes.apns import Provider, Rules
from compose.fakes.part import (
    NAME,
    list_files,
    list_jobs,
    list_parts,
    list_probes,
    service_settings,
)
from compose.layout import Layout
from compose.topology import LOOPBACK, named
from service.config import Config
from service.stores.provider_tokens import ProviderTokens
from tests.servers import Servers


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A stack's folders, with the part's files in them."""
    layout = Layout(tmp_path, tmp_path / "run", None)
    layout.folder(NAME).mkdir(parents=True)
    for name, text in list_files(named("small"), layout)[NAME].items():
        (layout.folder(NAME) / name).write_text(text)
    return layout


def test_the_service_s_settings_and_the_part_s_files_fit_together(layout: Layout, servers: Servers) -> None:
    topology = named("small", 9000)
    [part] = list_parts(layout)
    told = configuration.load(Path(part.command[-1]))
    config = Config.from_env(servers.environment() | service_settings(topology, layout))
    assert config.push is not None
    assert config.push.url == "https://127.0.0.1:9017"
    assert config.share_networks == {
        "alpha": "http://127.0.0.1:9018/alpha",
        "beta": "http://127.0.0.1:9018/beta",
    }
    token = ProviderTokens(config.push.key, config.push.key_id, config.push.team_id).current()
    keys = {name: Path(file).read_text() for name, file in told.provider_keys.items()}
    headers = {
        ":method": "POST",
        ":path": "/3/device/" + "ab" * 32,
        "authorization": f"bearer {token}",
        "apns-topic": config.push.topic,
        "apns-push-type": "alert",
    }
    assert Rules(told.topic, told.team_id, keys).judge(headers, b"{}", Provider()) is None
    assert jwt.get_unverified_header(token)["alg"] == "ES256"


def test_the_certificate_is_the_authority_s_and_for_loopback(layout: Layout, servers: Servers) -> None:
    told = configuration.load(Path(list_parts(layout)[0].command[-1]))
    config = Config.from_env(servers.environment() | service_settings(named("small"), layout))
    assert config.push is not None
    assert config.push.ca is not None
    authority = x509.load_pem_x509_certificate(config.push.ca.read_bytes())
    certificate = x509.load_pem_x509_certificate(Path(told.certificate).read_bytes())
    certificate.verify_directly_issued_by(authority)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address(LOOPBACK)]


def test_keys_are_made_anew_for_each_stack(layout: Layout) -> None:
    topology = named("small")
    first, second = (list_files(topology, layout)[NAME] for _ in range(2))
    assert {name for name in first if first[name] != second[name]} == {
        "authority.pem", "certificate.pem", "key.pem", "provider-key.pem", "provider-public-key.pem",
    }  # fmt: skip


def test_the_part_is_probed_and_scraped() -> None:
    topology = named("small", 9000)
    assert list_probes(topology).keys() == {NAME}
    with pytest.raises(ConnectionRefusedError):
        list_probes(topology)[NAME]()
    [job] = list_jobs(topology)
    assert (job.port, job.path) == (9018, "/metrics")
