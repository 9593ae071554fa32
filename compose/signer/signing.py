"""SigV4 signatures for GET requests of single objects."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from compose.cdn import PATHS
from compose.errors import UsageError

_PATHS = re.compile(PATHS)
SIGNED = ("Authorization", "X-Amz-Date", "X-Amz-Content-SHA256")


@dataclass(frozen=True)
class Store:
    """The object store and its keys; endpoint: a URL without a slash at its end."""

    endpoint: str
    bucket: str
    region: str
    access_key: str
    secret_key: str

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> "Store":
        """Read the service's own LIKESTORM_S3_… variables; UsageError names the first one that is missing."""
        return cls(*(_read(environment, name) for name in ("ENDPOINT", "BUCKET", "REGION", "ACCESS_KEY", "SECRET_KEY")))


def _read(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(f"LIKESTORM_S3_{name}")
    if not value:
        raise UsageError(f"LIKESTORM_S3_{name} is not set")
    return value.rstrip("/") if name == "ENDPOINT" else value


class Signer:
    """Makes a new signature for each request: a signature is valid for some minutes only."""

    def __init__(self, store: Store) -> None:
        self._base = f"{store.endpoint}/{store.bucket}"
        self._auth = S3SigV4Auth(Credentials(store.access_key, store.secret_key), "s3", store.region)

    def sign(self, path: str) -> dict[str, str] | None:
        """The headers that make a GET of the object at this path, /photos/…, a signed one; None for other paths."""
        if not _PATHS.fullmatch(path):
            return None
        request = AWSRequest("GET", self._base + path)
        self._auth.add_auth(request)
        return {name: request.headers[name] for name in SIGNED}
