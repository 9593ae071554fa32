"""Requests that cost less must be the same requests."""

import json
import subprocess
import sys
from typing import Any

import pytest


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """What `wire` found, its ports being those of two servers."""
    command = [sys.executable, "-m", "tests.likestorm.generator.wire"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def _of(side: dict[str, Any], what: str) -> list[str]:
    return [each.replace(f":{side['port']}", ":PORT") for each in side[what]]


def test_a_quickened_session_sends_byte_for_byte_what_locusts_own_sends(found: dict[str, Any]) -> None:
    assert _of(found["quickened"], "got") == _of(found["locust"], "got")
    assert len(found["locust"]["got"]) > 25


def test_it_says_the_same_of_every_answer_and_of_what_it_refuses(found: dict[str, Any]) -> None:
    assert _of(found["quickened"], "said") == _of(found["locust"], "said")
    assert [each for each in found["locust"]["said"] if each.startswith("invalid value for header field")]


def test_only_a_plain_url_is_taken_apart_the_quick_way(found: dict[str, Any]) -> None:
    assert found["taken_apart"] == {
        "http://127.0.0.1:80/photos/17?a=1": "Address",
        "https://shop.example/": "Address",
        "http://[::1]:80/": "URL",
        "http://me:secret@127.0.0.1/": "URL",
        "http://127.0.0.1/a%20b": "URL",
        "http://127.0.0.1/a;b": "URL",
        "http://127.0.0.1/?": "URL",
        "http://127.0.0.1/#part": "URL",
        "http://127.0.0.1": "URL",
    }
    assert found["equal"]
