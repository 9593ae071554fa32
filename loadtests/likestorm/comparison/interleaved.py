"""Runs interleaved blocks of two revisions, each on a fresh target, and keeps their results."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from likestorm.comparison.revisions import Checkout
from likestorm.errors import LikestormError
from likestorm.results.record.verdict import EXIT_CODES
from likestorm.run import RECORD_FILE

Which = Literal["base", "candidate"]
ABBA: tuple[Which, ...] = ("base", "candidate", "candidate", "base")
BAAB: tuple[Which, ...] = ("candidate", "base", "base", "candidate")
FRESH_STACK_S = 14.0
"""The time of a block beside warm-up and window: start, seeding, audit, report and stop."""
STOP_S = 90.0


class InterleavedError(LikestormError):
    """A block that failed; the message has the last line of its output."""


@dataclass(frozen=True)
class Block:
    """One run of a comparison: its side, its number from 1, and the folder of its results."""

    side: Which
    number: int
    folder: Path


def order(pairs: int, seed: int) -> list[Which]:
    """The sides in run order: two pairs each are ABBA or BAAB, at random by the seed.

    A linear drift cancels out within four runs; the random order keeps a periodic drift from favouring one side.
    """
    chance = random.Random(f"{seed}/order")
    sides: list[Which] = []
    for _ in range(0, pairs, 2):
        sides += chance.choice((ABBA, BAAB))
    return sides[: 2 * pairs]


def seconds(pairs: int, warm_up_s: float, duration_s: float) -> float:
    """The approximate duration of a number of pairs."""
    return 2 * pairs * (FRESH_STACK_S + warm_up_s + duration_s)


def run(
    checkouts: tuple[Checkout, Checkout],
    sides: Sequence[Which],
    arguments: Sequence[str],
    out: Path,
    on_block: Callable[[Block, float], None],
    ignore_interrupts: Callable[[], None],
) -> dict[Which, list[Path]]:
    """Run the blocks one after the other and return the folders of each side's runs; InterleavedError.

    arguments: for `likestorm run` of both revisions. on_block receives each finished block and its duration in seconds.
    On an interrupt the current block stops its target first, and further interrupts are ignored.
    """
    folders: dict[Which, list[Path]] = {"base": [], "candidate": []}
    for number, side in enumerate(sides, 1):
        block = Block(side, number, out / f"{number:02d}-{side}")
        began = time.monotonic()
        _run(checkouts[side == "candidate"], arguments, block, ignore_interrupts)
        folders[side].append(block.folder)
        on_block(block, time.monotonic() - began)
    return folders


def _run(checkout: Checkout, arguments: Sequence[str], block: Block, ignore_interrupts: Callable[[], None]) -> None:
    command = [str(checkout.python), "-m", "likestorm", "run", *arguments, "--out", str(block.folder)]
    log = block.folder.with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    # With an editable install, both checkouts would otherwise load the likestorm of this repository.
    path = os.pathsep.join([str(checkout.folder / "loadtests"), str(checkout.folder)])
    environment = os.environ | {"PYTHONPATH": path}
    with log.open("wb") as output:
        # In a session of its own: Ctrl-C reaches only this process, which then stops the block.
        process = subprocess.Popen(
            command, cwd=checkout.folder, env=environment, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            status = process.wait()
        except BaseException:
            ignore_interrupts()
            _stop(process)
            raise
    if status not in EXIT_CODES.values() or not (block.folder / RECORD_FILE).exists():
        said = [line for line in log.read_text(errors="replace").splitlines() if line.strip()] or ["nothing"]
        raise InterleavedError(f"block {block.number} ({checkout.name}) ended with status {status}: {said[-1]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Let the block stop its target; kill it after STOP_S."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
