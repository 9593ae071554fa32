"""The embedded error tracker: Bugsink as a part of the stack, and its issues."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import requests

from compose.credentials import Credentials
from compose.errors import StackError
from compose.layout import CLONE, Layout
from compose.parts import BACKGROUND, Part
from compose.topology import LOOPBACK, Topology

NAME = "errors"
PYTHON = CLONE / ".venv-errors" / "bin" / "python"
HERE = Path(__file__).resolve().parent
# prepare.py makes this one project in a new database.
PROJECT = 1
_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Issue:
    """Errors of one kind, as the tracker groups them; count: of its events."""

    id: str
    kind: str
    message: str
    where: str
    count: int


class _Row(msgspec.Struct):
    id: str
    calculated_type: str
    calculated_value: str
    transaction: str
    digested_event_count: int


class _Page(msgspec.Struct):
    results: list[_Row]
    next: str | None = None


def part(topology: Topology, layout: Layout, credentials: Credentials) -> Part:
    """The tracker as a process; StackError when its environment is not installed."""
    if not PYTHON.exists():
        raise StackError("the error tracker is not installed (make setup-errors)")
    address = f"{LOOPBACK}:{topology.ports[NAME]}"
    return Part(
        NAME, "monitoring", (str(PYTHON), "-X", f"part={layout.folder(NAME)}", str(HERE / "prepare.py"), address),
        environment={
            "BUGSINK_FOLDER": str(layout.folder(NAME)),
            "BUGSINK_URL": f"http://{address}",
            "BUGSINK_SECRET": credentials.tracker_secret * 2,
            "BUGSINK_PASSWORD": credentials.tracker_secret,
            "BUGSINK_KEY": credentials.tracker_key,
            "BUGSINK_TOKEN": credentials.tracker_token,
            # Bugsink's environment has its own modules.
            "PYTHONPATH": str(HERE),
        },
        niceness=BACKGROUND,
    )  # fmt: skip


def dsn(topology: Topology, credentials: Credentials) -> str:
    """The URL to which the service sends its errors (LIKESTORM_SENTRY_DSN)."""
    return f"http://{credentials.tracker_key}@{LOOPBACK}:{topology.ports[NAME]}/{PROJECT}"


def read(topology: Topology, credentials: Credentials) -> dict[str, Issue]:
    """Every issue by its id; StackError when the tracker does not answer."""
    found: dict[str, Issue] = {}
    path: str | None = f"/api/canonical/0/issues/?project={PROJECT}"
    while path:
        page = _page(topology.ports[NAME], path, credentials.tracker_token)
        for row in page.results:
            issue = Issue(row.id, row.calculated_type, row.calculated_value, row.transaction, row.digested_event_count)
            found[row.id] = issue
        path = page.next and "/" + page.next.split("/", 3)[3]
    return found


def between(before: Mapping[str, Issue], after: Mapping[str, Issue]) -> list[Issue]:
    """The issues that grew between two readings, the most frequent first."""
    grown = (
        Issue(issue.id, issue.kind, issue.message, issue.where, issue.count - (before[id].count if id in before else 0))
        for id, issue in after.items()
    )
    return sorted((issue for issue in grown if issue.count), key=lambda issue: -issue.count)


def _page(port: int, path: str, token: str) -> _Page:
    headers = {"Authorization": f"Bearer {token}"}
    try:
        answer = requests.get(f"http://{LOOPBACK}:{port}{path}", headers=headers, timeout=_TIMEOUT_S)
        if answer.status_code != 200:
            raise StackError(f"the error tracker answers {answer.status_code}: {answer.text[:200]}")
        return msgspec.json.decode(answer.content, type=_Page)
    except (requests.RequestException, msgspec.MsgspecError) as error:
        raise StackError(f"the error tracker does not answer: {error}") from error
