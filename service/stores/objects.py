"""The S3-compatible object store: signed links for clients, and the requests that the service makes itself.

botocore signs, urllib3 sends: a botocore client costs several times as much for the same request.
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

import urllib3
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from service.domain.entities import UploadLink
from service.domain.errors import UnavailableError

_MOST_DELETED_AT_ONCE = 1000


@dataclass(frozen=True)
class Bucket:
    """Where objects are and what signs for them; `endpoint` as a URL without a slash at its end."""

    endpoint: str
    name: str
    region: str
    access_key: str
    secret_key: str

    def url(self, key: str = "", **query: str) -> str:
        """The address of an object, or of the bucket itself."""
        path = f"{self.endpoint}/{self.name}" + (f"/{_escaped(key)}" if key else "")
        # Signatures want the query sorted and every reserved character escaped.
        return path + (f"?{urlencode(sorted(query.items()), quote_via=quote, safe='-_.~')}" if query else "")

    @property
    def credentials(self) -> Credentials:
        """What botocore signs with."""
        return Credentials(self.access_key, self.secret_key)


class Links:
    """The addresses under which clients put and get objects; `upload_ttl` in seconds.

    Uploads go by signed URLs to the store's public endpoint, views to `cdn_url`, a URL without a slash at its end.
    """

    def __init__(self, bucket: Bucket, upload_ttl: int, cdn_url: str) -> None:
        self._bucket = bucket
        self._upload_ttl = upload_ttl
        self._signer = S3SigV4QueryAuth(bucket.credentials, "s3", bucket.region, expires=upload_ttl)
        self._cdn_url = cdn_url

    def upload(self, key: str, content_type: str, content_length: int, now: datetime) -> UploadLink:
        """Leave to PUT one object of exactly this type and length."""
        headers = {"Content-Type": content_type, "Content-Length": str(content_length)}
        request = AWSRequest("PUT", self._bucket.url(key), headers=headers)
        self._signer.add_auth(request)
        return UploadLink(request.url, headers, now + timedelta(seconds=self._upload_ttl))

    def view(self, key: str) -> str:
        """Where the CDN has an object, for good: nothing but the key decides it, so that every cache may keep it."""
        return f"{self._cdn_url}/{_escaped(key)}"


class _OnceWhenClosed(urllib3.Retry):
    """Repeats a request once when the store has closed a connection that was kept, never after a time-out."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: urllib3.BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: urllib3.connectionpool.ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """What is left to try; raises when that is nothing."""
        if isinstance(error, urllib3.exceptions.TimeoutError):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)


@dataclass(frozen=True)
class StoredObject:
    """One object of a listing."""

    key: str
    last_modified: datetime
    size: int


class Objects:
    """The requests that the service itself makes of one bucket."""

    def __init__(self, bucket: Bucket, timeout: float) -> None:
        self._bucket = bucket
        self._signer = S3SigV4Auth(bucket.credentials, "s3", bucket.region)
        self._pool = urllib3.PoolManager(
            maxsize=8,
            timeout=urllib3.Timeout(total=timeout),
            # All requests may be repeated.
            retries=_OnceWhenClosed(total=1, connect=0, redirect=0, status=0, allowed_methods=None, backoff_factor=0),
        )

    def object_exists(self, key: str) -> bool:
        """Whether there is an object with this key."""
        return self._send("HEAD", self._bucket.url(key), accept=(200, 404)).status == 200

    def get_object(self, key: str) -> bytes | None:
        """An object's bytes, None when there is no such object."""
        response = self._send("GET", self._bucket.url(key), accept=(200, 404))
        return response.data if response.status == 200 else None

    def put_object(self, key: str, body: bytes, content_type: str) -> None:
        """Store an object."""
        self._send("PUT", self._bucket.url(key), body=body, headers={"Content-Type": content_type})

    def list_objects(self, prefix: str, page_size: int = 1000) -> list[StoredObject]:
        """All objects whose keys begin with `prefix`, in the order of their keys."""
        return [found for page in self._pages(prefix, page_size) for found in page]

    def delete_objects(self, keys: Sequence[str]) -> None:
        """Delete objects; keys without one are no error."""
        for start in range(0, len(keys), _MOST_DELETED_AT_ONCE):
            root = ElementTree.Element("Delete")
            for key in keys[start : start + _MOST_DELETED_AT_ONCE]:
                ElementTree.SubElement(ElementTree.SubElement(root, "Object"), "Key").text = key
            body = ElementTree.tostring(root)
            digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
            self._send("POST", self._bucket.url(delete=""), body=body, headers={"Content-MD5": digest})

    def create_bucket(self) -> None:
        """Make the bucket unless it is there."""
        self._send("PUT", self._bucket.url(), accept=(200, 409))

    def ping(self) -> None:
        """Reach the bucket; UnavailableError when that fails."""
        self._send("HEAD", self._bucket.url())

    def close(self) -> None:
        """Close all connections."""
        self._pool.clear()

    def _pages(self, prefix: str, page_size: int) -> Iterator[list[StoredObject]]:
        query = {"list-type": "2", "prefix": prefix, "max-keys": str(page_size)}
        while True:
            response = self._send("GET", self._bucket.url(**query))
            root = ElementTree.fromstring(response.data)  # noqa: S314 (the store is ours)
            yield [_stored(entry) for entry in root.findall("{*}Contents")]
            token = root.findtext("{*}NextContinuationToken")
            if root.findtext("{*}IsTruncated") != "true" or not token:
                return
            query["continuation-token"] = token

    def _send(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        accept: tuple[int, ...] = (200,),
    ) -> urllib3.BaseHTTPResponse:
        request = AWSRequest(method, url, headers=headers, data=body)
        self._signer.add_auth(request)
        try:
            response = self._pool.request(method, url, body=body or None, headers=dict(request.headers.items()))
        except urllib3.exceptions.HTTPError as error:
            raise UnavailableError("objects", error) from error
        if response.status not in accept:
            raise UnavailableError("objects", f"{method} {url} was answered with {response.status}")
        return response


def _escaped(key: str) -> str:
    return quote(key, safe="/-_.~")


def _stored(entry: ElementTree.Element) -> StoredObject:
    modified = datetime.fromisoformat(entry.findtext("{*}LastModified", "").replace("Z", "+00:00"))
    return StoredObject(entry.findtext("{*}Key", ""), modified.astimezone(UTC), int(entry.findtext("{*}Size", "0")))
