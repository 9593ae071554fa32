"""The signed tokens (ES256) that authenticate the provider to the push service, renewed before they expire."""

import time
from collections.abc import Callable
from pathlib import Path

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from service.domain.errors import ServiceError

# Apple takes a token for an hour, and a new one not more often than every 20 minutes.
TOKEN_RENEWED_S = 2400
TOKEN_LEAST_S = 1200


class PushKeyError(ServiceError):
    """The key that signs for pushes cannot be used; the message names its file."""


class ProviderTokens:
    """The token by which the push service knows us, signed anew before it gets too old; `clock` in seconds."""

    def __init__(self, key: Path, key_id: str, team_id: str, clock: Callable[[], float] = time.time) -> None:
        self._key = _load_key(key)
        self._key_id = key_id
        self._team_id = team_id
        self._clock = clock
        self._made_at = float("-inf")
        self._token = ""

    def current(self) -> str:
        """A token that holds."""
        if self._clock() - self._made_at >= TOKEN_RENEWED_S:
            self._renew()
        return self._token

    def reject(self, token: str) -> bool:
        """Told that a token has expired: whether there is another one to try."""
        if token == self._token and self._clock() - self._made_at >= TOKEN_LEAST_S:
            self._renew()
        return token != self._token

    def _renew(self) -> None:
        self._made_at = self._clock()
        claims = {"iss": self._team_id, "iat": int(self._made_at)}
        self._token = jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": self._key_id})


def _load_key(file: Path) -> EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PushKeyError(f"{file}: no private key to be read: {error}") from error
    if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise PushKeyError(f"{file}: the key is none for ES256")
    return key
