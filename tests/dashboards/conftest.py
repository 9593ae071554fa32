"""One real Prometheus for all tests here: it waits five seconds before its first scrape."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dashboards.prometheus_server import scraping_itself


@pytest.fixture(name="folder", scope="session")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it keeps its data, in data/."""
    return tmp_path_factory.mktemp("prometheus")


@pytest.fixture(name="url", scope="session")
def _url(folder: Path) -> Iterator[str]:
    with scraping_itself(folder) as url:
        yield url
