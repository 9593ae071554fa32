"""The S3-compatible object store, by botocore's S3 client: signed links for clients, and the service's own requests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from service.domain.entities import UploadLink
from service.domain.errors import UnavailableError

_MOST_DELETED_AT_ONCE = 1000
SIGNING_TIMEOUT_S = 1.0
"""Of a client that only signs links, and so never connects."""


@dataclass(frozen=True)
class Bucket:
    """Where objects are and what signs for them; `endpoint` is a URL without a slash at its end."""

    endpoint: str
    name: str
    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)


@dataclass(frozen=True)
class StoredObject:
    """One object of a listing; `size` in bytes."""

    key: str
    last_modified: datetime
    size: int


@cache
def create_client(bucket: Bucket, timeout: float) -> Any:
    """botocore's client for a bucket, the same one for the same arguments; `timeout` in seconds.

    A client takes 15 MB and 0.2 s, so it is made at first use, or before a fork to share the memory; it connects at
    its first request.
    """
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        connect_timeout=timeout,
        read_timeout=timeout,
        retries={"total_max_attempts": 1},
        max_pool_connections=8,
        # No proxy: the environment's proxies are not for the service's own store.
        proxies={},
        # Other stores than Amazon's do not know its newer checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return get_session().create_client(
        "s3",
        region_name=bucket.region,
        endpoint_url=bucket.endpoint,
        aws_access_key_id=bucket.access_key,
        aws_secret_access_key=bucket.secret_key,
        config=config,
    )


class Links:
    """The addresses under which clients put and get objects; `upload_ttl` in seconds.

    Uploads go by signed URLs to the store's public endpoint, views to `cdn_url`, a URL without a slash at its end.
    """

    def __init__(self, bucket: Bucket, upload_ttl: int, cdn_url: str) -> None:
        self._bucket = bucket
        self._upload_ttl = upload_ttl
        self._cdn_url = cdn_url

    def upload(self, key: str, content_type: str, content_length: int, now: datetime) -> UploadLink:
        """A link for the PUT of one object of exactly this type and length."""
        parameters = {
            "Bucket": self._bucket.name,
            "Key": key,
            "ContentType": content_type,
            "ContentLength": content_length,
        }
        client = create_client(self._bucket, SIGNING_TIMEOUT_S)
        url: str = client.generate_presigned_url("put_object", Params=parameters, ExpiresIn=self._upload_ttl)
        headers = {"Content-Type": content_type, "Content-Length": str(content_length)}
        return UploadLink(url, headers, now + timedelta(seconds=self._upload_ttl))

    def view(self, key: str) -> str:
        """The CDN's address of an object, made of the key alone, so that every cache may keep it for good."""
        return f"{self._cdn_url}/{quote(key, safe='/-_.~')}"


class Objects:
    """The requests that the service itself makes of one bucket; `timeout` in seconds."""

    def __init__(self, bucket: Bucket, timeout: float) -> None:
        self._bucket = bucket
        self._timeout = timeout
        self._made: Any = None

    def object_exists(self, key: str) -> bool:
        """Whether there is an object with this key."""
        return self._call("head_object", missing="404", Key=key) is not None

    def get_object(self, key: str) -> bytes | None:
        """An object's bytes, None when there is no such object."""
        found = self._call("get_object", missing="NoSuchKey", Key=key)
        body: bytes | None = found and self._guard(found["Body"].read)
        return body

    def put_object(self, key: str, body: bytes, content_type: str) -> None:
        """Store an object."""
        self._call("put_object", Key=key, Body=body, ContentType=content_type)

    def list_objects(self, prefix: str, page_size: int = 1000) -> list[StoredObject]:
        """All objects whose keys begin with `prefix`, in the order of their keys."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket.name, Prefix=prefix, PaginationConfig={"PageSize": page_size}
        )
        entries: list[dict[str, Any]] = self._guard(lambda: [one for page in pages for one in page.get("Contents", ())])
        return [StoredObject(entry["Key"], entry["LastModified"].astimezone(UTC), entry["Size"]) for entry in entries]

    def delete_objects(self, keys: Sequence[str]) -> None:
        """Delete objects; keys without one are no error."""
        for start in range(0, len(keys), _MOST_DELETED_AT_ONCE):
            batch = [{"Key": key} for key in keys[start : start + _MOST_DELETED_AT_ONCE]]
            self._call("delete_objects", Delete={"Objects": batch, "Quiet": True})

    def create_bucket(self) -> None:
        """Create the bucket unless it exists."""
        self._call("create_bucket", missing="BucketAlreadyOwnedByYou")

    def ping(self) -> None:
        """Reach the bucket; UnavailableError when that fails."""
        self._call("head_bucket")

    def close(self) -> None:
        """Close all connections."""
        if self._made is not None:
            self._made.close()

    @property
    def _client(self) -> Any:
        if self._made is None:
            self._made = create_client(self._bucket, self._timeout)
        return self._made

    def _call(self, operation: str, missing: str | None = None, **parameters: object) -> Any:
        """The response of one operation, None when the store answers with the error code `missing`."""
        try:
            return self._guard(lambda: getattr(self._client, operation)(Bucket=self._bucket.name, **parameters))
        except UnavailableError as error:
            cause = error.__cause__
            if missing and isinstance(cause, ClientError) and cause.response["Error"]["Code"] == missing:
                return None
            raise

    def _guard(self, request: Callable[[], Any]) -> Any:
        try:
            return request()
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError("objects", error) from error
