"""The fakes as a process of their own, for the tests of all who talk to them."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from compose.fakes import certificates
from service.stores.provider_tokens import ProviderTokens
from service.stores.push import Apns
from tests.servers import answers_http, free_port, process

ROOT = Path(__file__).parents[1]
TEAM_ID, KEY_ID, TOPIC = "TESTTEAM00", "TESTKEY000", "org.example.tests"
NONE_RECEIVED = {"received": 0, "accepted": 0, "duplicates": 0, "rejected": {}}


@dataclass(frozen=True)
class Fakes:
    """Running fakes; `folder` holds authority.pem and provider-key.pem."""

    folder: Path
    url: str
    push_url: str

    def ask(
        self, method: str, path: str, content: object = None, headers: Mapping[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        """One request to the control port or to a network."""
        options: dict[str, Any] = {"headers": dict(headers or {})}
        if content is not None:
            options["body"] = content if isinstance(content, bytes) else json.dumps(content).encode()
        # Of its own each time: one that refused a body may have hung up without a word.
        with urllib3.PoolManager(retries=False) as pool:
            return pool.request(method, f"{self.url}{path}", timeout=10, **options)

    def tell(self, fake: str, **fault: object) -> None:
        """Have something go wrong from now on."""
        answer = self.ask("POST", "/faults", {"fake": fake, **fault})
        assert answer.status == 201, answer.data

    def forgive(self) -> None:
        """Nothing goes wrong any more."""
        assert self.ask("DELETE", "/faults").status == 200

    def forget(self) -> None:
        """Nothing goes wrong any more, and nothing was received."""
        self.forgive()
        assert self.ask("DELETE", "/received").status == 200

    def counts(self, fake: str = "push") -> dict[str, Any]:
        """What one of them received so far."""
        counts: dict[str, Any] = self.ask("GET", "/received").json()[fake]
        return counts

    def messages(self, fake: str = "push") -> list[dict[str, Any]]:
        """The last messages that one of them accepted."""
        messages: list[dict[str, Any]] = self.ask("GET", f"/received/{fake}").json()
        return messages

    def tokens(self) -> ProviderTokens:
        """By which the push fake knows us."""
        return ProviderTokens(self.folder / "provider-key.pem", KEY_ID, TEAM_ID)

    def apns(self, tokens: ProviderTokens | None = None, **options: Any) -> Apns:
        """The service's side of the push fake."""
        return Apns(self.push_url, TOPIC, tokens or self.tokens(), self.folder / "authority.pem", **options)


@contextmanager
def fakes(folder: Path) -> Iterator[Fakes]:
    """Fakes that received nothing yet."""
    with launch(folder, free_port(), free_port()) as running:
        yield running


@contextmanager
def launch(folder: Path, port: int, push_port: int) -> Iterator[Fakes]:
    """The same on these ports; keys are kept from an earlier launch in the same folder."""
    folder.mkdir(exist_ok=True)
    if not (folder / "authority.pem").exists():
        made = certificates.make("127.0.0.1")
        (folder / "authority.pem").write_text(made.authority)
        (folder / "certificate.pem").write_text(made.server)
        (folder / "key.pem").write_text(made.server_key)
        (folder / "provider-key.pem").write_text(made.provider_key)
        (folder / "provider-public-key.pem").write_text(made.provider_public_key)
    configuration = {
        "port": port,
        "push_port": push_port,
        "certificate": str(folder / "certificate.pem"),
        "key": str(folder / "key.pem"),
        "provider_keys": {KEY_ID: str(folder / "provider-public-key.pem")},
        "team_id": TEAM_ID,
        "topic": TOPIC,
    }
    file = folder / "fakes.json"
    file.write_text(json.dumps(configuration))
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "compose.fakes", str(file)]
    with process(command, lambda: answers_http(f"{url}/healthz"), cwd=ROOT):
        yield Fakes(folder, url, f"https://127.0.0.1:{push_port}")
