"""Other social networks, each of which takes pictures by a POST with a key that makes a repeat harmless."""

from collections.abc import Mapping

import msgspec
import urllib3

from service.domain.errors import RefusedError, UnavailableError

TIMEOUT_S = 10.0
"""No request waits for another network, so it may take longer than a store of ours."""

# What may be otherwise on the next attempt; any other 4xx will not.
_PASSING = frozenset({401, 403, 408, 409, 425, 429})


class Networks:
    """Posts to `urls`, by the network's name; `timeout` in seconds bounds a whole request."""

    def __init__(self, urls: Mapping[str, str], timeout: float = TIMEOUT_S) -> None:
        self._urls = urls
        self._pool = urllib3.PoolManager(maxsize=2, timeout=urllib3.Timeout(total=timeout), retries=False)

    def post(self, network: str, url: str, caption: str, key: str) -> None:
        """Post the picture at `url`; RefusedError when the network is unknown or will never take it.

        UnavailableError when it did not answer in time: whether it took the picture is unknown.
        """
        if network not in self._urls:
            raise RefusedError(f"there is no network {network!r}")
        body = msgspec.json.encode({"url": url, "caption": caption})
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        try:
            response = self._pool.request("POST", f"{self._urls[network]}/posts", body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise UnavailableError(network, error) from error
        if response.status in {200, 201, 202}:
            return
        if 400 <= response.status < 500 and response.status not in _PASSING:
            raise RefusedError(f"{network} answers {response.status}: {response.data[:200].decode(errors='replace')}")
        raise UnavailableError(network, f"it answers {response.status}")

    def close(self) -> None:
        """Close all connections."""
        self._pool.clear()
