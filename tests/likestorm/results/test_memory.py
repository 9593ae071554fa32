"""What is kept of the memory that a run's parts take."""

import subprocess
import sys
from pathlib import Path

from likestorm.results.memory import FILES, MemoryWatch, measure_files

HOLDS_60_MB = "held = bytearray(b'x') * 60_000_000; print('ready', flush=True); input()"


def test_what_is_held_at_the_end_counts_however_short_the_run(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"x" * 4_000_000)
    with subprocess.Popen([sys.executable, "-c", HOLDS_60_MB], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as part:
        assert part.stdout is not None
        with MemoryWatch(lambda: {"part": part.pid}, tmp_path) as watch:
            part.stdout.readline()
        part.communicate(b"\n")
    assert watch.peak_mb.keys() == {"part", FILES}
    assert 60 < watch.peak_mb["part"] < 90
    assert 4.0 <= watch.peak_mb[FILES] < 4.1


def test_files_count_with_the_blocks_that_they_occupy(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "data").write_bytes(b"x" * 4_000_000)
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(1 << 30)
    assert 4.0 <= measure_files(tmp_path) < 4.1
