"""Keys and certificates of one stack: an authority, the fake push service's certificate, the key for tokens."""

from dataclasses import dataclass

import trustme
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat


@dataclass(frozen=True)
class Certificates:
    """All in PEM; the authority's own key is not kept, so it signs nothing else."""

    authority: str
    server: str
    server_key: str
    provider_key: str
    provider_public_key: str


def make(address: str) -> Certificates:
    """New ones, for a server at this IP address or name."""
    authority = trustme.CA(organization_name="Likestorm fakes")
    server = authority.issue_cert(address, "localhost")
    key = ec.generate_private_key(ec.SECP256R1())
    return Certificates(
        authority.cert_pem.bytes().decode(),
        server.cert_chain_pems[0].bytes().decode(),
        server.private_key_pem.bytes().decode(),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    )
