"""The CDN: nginx as edge and origin, and the metrics of its logs."""

from pathlib import Path

# What is served, as a regular expression of the whole path: photos, thumbnails and seeded photos, by plain names only.
PATHS = r"^/(?:photos|thumbs|seed)(?:/[A-Za-z0-9_-]+)+\.[a-z0-9]+$"


def edge_log(logs: Path) -> Path:
    """The edge's log of requests."""
    return logs / "cdn-edge.log"


def origin_log(logs: Path) -> Path:
    """The origin's log of requests."""
    return logs / "cdn-origin.log"
