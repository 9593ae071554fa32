import os
import socket
import subprocess
import sys

import pytest

from compose.errors import UsageError
from compose.layout import CLONE
from compose.signer.signing import Signer, Store

SETTINGS = {
    "LIKESTORM_S3_ENDPOINT": "http://127.0.0.1:9/",
    "LIKESTORM_S3_BUCKET": "bucket",
    "LIKESTORM_S3_REGION": "us-east-1",
    "LIKESTORM_S3_ACCESS_KEY": "key",
    "LIKESTORM_S3_SECRET_KEY": "secret",
}


def run(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIKESTORM_")} | settings
    return subprocess.run(
        (sys.executable, "-m", "compose.signer", *arguments),
        capture_output=True, text=True, check=False, cwd=CLONE, env=environment, timeout=30,
    )  # fmt: skip


def test_an_object_is_signed_anew_for_its_path_alone() -> None:
    signer = Signer(Store.from_env(SETTINGS))
    one, other = signer.sign("/photos/1/2.jpg"), signer.sign("/thumbs/1/2.jpg")
    assert one is not None
    assert other is not None
    assert one["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=key/")
    assert "SignedHeaders=host;x-amz-content-sha256;x-amz-date" in one["Authorization"]
    assert one["Authorization"] != other["Authorization"]
    assert "secret" not in str(one)


@pytest.mark.parametrize(
    "path", ["", "/", "/photos/", "/secret/1.jpg", "/photos/../1.jpg", "/photos/1.jpg\n", "photos/1.jpg"]
)
def test_nothing_else_is_signed(path: str) -> None:
    assert Signer(Store.from_env(SETTINGS)).sign(path) is None


@pytest.mark.parametrize("missing", SETTINGS)
def test_a_missing_setting_is_named(missing: str) -> None:
    with pytest.raises(UsageError, match=f"^{missing} is not set$"):
        Store.from_env({name: value for name, value in SETTINGS.items() if name != missing})


def test_it_refuses_in_one_line() -> None:
    assert (said := run("x")).returncode == 2
    assert said.stderr == "usage: python -m compose.signer [HOST:]PORT\n"
    assert (said := run("8416")).returncode == 2
    assert said.stderr == "LIKESTORM_S3_ENDPOINT is not set\n"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = run(port, **SETTINGS)
    assert (said.returncode, said.stderr) == (1, f"port {port}: Address already in use\n")
