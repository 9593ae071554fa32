import os

import pytest

from compose.errors import StackError
from compose.local import binaries


def test_every_program_is_found_and_can_be_run() -> None:
    programs = binaries.locate()
    assert set(programs) == {*binaries.PROGRAMS, "postgres", "initdb"}
    assert all(os.access(program, os.X_OK) for program in programs.values())


def test_all_missing_programs_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = {"nginx": ("no-such-nginx",), "redis": ("no-such-redis", "nor-this-one")}
    monkeypatch.setattr(binaries, "PROGRAMS", binaries.PROGRAMS | absent)
    with pytest.raises(StackError, match=r"^not installed: no-such-nginx, no-such-redis \(make setup\)$"):
        binaries.locate()
