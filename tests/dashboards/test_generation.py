"""The generate verb writes the committed files."""

from pathlib import Path

import pytest

from dashboards import generation
from dashboards.__main__ import main


def test_generate_writes_the_committed_files(capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in generation.files()}
    assert main(["generate"]) == 0
    assert {path: path.read_bytes() for path in before} == before
    assert [Path(line) for line in capsys.readouterr().out.splitlines()] == list(before)
