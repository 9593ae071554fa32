"""What is said of files when several processes share the tests is said of files that there are."""

from pathlib import Path

import pytest

from tests.sharing import LONGEST, TOGETHER, group_of

FILES = {path.as_posix() for path in Path(__file__).parent.rglob("test_*.py")}


@pytest.mark.parametrize("end", [*TOGETHER, *LONGEST])
def test_each_name_is_of_one_file(end: str) -> None:
    assert len([file for file in FILES if file.endswith(end)]) == 1


def test_files_stay_together_and_those_of_the_stack_with_each_other() -> None:
    files = (
        "compose/local/test_local.py", "compose/local/test_local.py", "compose/alertmanager/test_configuration.py",
        "alerts/test_rules.py",
    )  # fmt: skip
    groups = [group_of(f"tests/{file}::test_it[a::b]") for file in files]
    assert groups == ["stack", "stack", "stack", "tests/alerts/test_rules.py"]
