"""What the parts' settings do to a real process."""

import os
import subprocess
import sys
from pathlib import Path

from compose.credentials import Credentials
from compose.layout import CLONE, Layout
from compose.local.binaries import locate
from compose.registry import list_parts
from compose.topology import named

HASHING = """
from concurrent.futures import ThreadPoolExecutor
import psutil
from service.stores.passwords import Passwords

def hash_at_once(threads):
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(Passwords(8192, 1).hash, ["secret"] * 4 * threads))
    return psutil.Process().memory_info().rss / 1e6

once = hash_at_once(1)
print(hash_at_once(4) - once)
"""


def test_an_app_server_gives_back_what_passwords_took(tmp_path: Path) -> None:
    parts = list_parts(named("small"), Layout(tmp_path, tmp_path / "run", None), Credentials(), locate())
    [app] = [part for part in parts if part.name == "app-1"]
    told = subprocess.run(
        (sys.executable, "-c", HASHING), cwd=CLONE, env=os.environ | app.environment, stdout=subprocess.PIPE, check=True
    )
    # Each of four hashes at once takes 8 MiB.
    assert float(told.stdout) < 6
