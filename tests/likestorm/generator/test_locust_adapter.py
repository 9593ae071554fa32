"""The contract with Locust, gevent and geventhttpclient: each private name that the adapter uses, by its behaviour."""

import json
import re
import subprocess
import sys
from pathlib import Path

import likestorm.generator

PACKAGE = Path(likestorm.generator.__file__).parent
PRIVATE = re.compile(r"(?<!self)(?<!cls)\._[a-z]\w*")


def test_every_private_name_of_the_libraries_is_as_the_adapter_expects() -> None:
    command = [sys.executable, "-m", "tests.likestorm.generator.contract"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["failures"] == {}, done.stderr
    assert len(found["checked"]) >= 9


def test_no_other_module_of_the_generator_uses_a_private_name() -> None:
    used = {
        f"{file.name}: {match}"
        for file in PACKAGE.glob("*.py")
        if file.name != "locust_adapter.py"
        for match in PRIVATE.findall(file.read_text())
    }
    assert used == set()
