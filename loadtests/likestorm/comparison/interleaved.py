"""Runs blocks of two revisions in turn, each on a fresh stack of its own, and keeps what each measured."""

from __future__ import annotations

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
"""What a block takes beside its warm-up and its window: start, seeding, audit, report, end."""
STOP_S = 90.0


class InterleavedError(LikestormError):
    """A block that could not be run; the message has its last line."""


@dataclass(frozen=True)
class Block:
    """One run of a comparison: which side, its number from 1, and the folder that it fills."""

    side: Which
    number: int
    folder: Path


def order(pairs: int, seed: int) -> list[Which]:
    """The sides in the order of their runs: each two pairs are ABBA or BAAB, as the seed has it.

    A linear drift cancels within four runs; one that beats in time with them does not stay on one side.
    """
    chance = random.Random(f"{seed}/order")
    sides: list[Which] = []
    for _ in range(0, pairs, 2):
        sides += chance.choice((ABBA, BAAB))
    return sides[: 2 * pairs]


def seconds(pairs: int, warm_up_s: float, duration_s: float) -> float:
    """About how long so many pairs take."""
    return 2 * pairs * (FRESH_STACK_S + warm_up_s + duration_s)


def run(
    checkouts: tuple[Checkout, Checkout],
    sides: Sequence[Which],
    arguments: Sequence[str],
    out: Path,
    on_block: Callable[[Block, float], None],
    ignore_interrupts: Callable[[], None],
) -> dict[Which, list[Path]]:
    """Run the blocks one after the other and return the folders of each side's runs.

    arguments: for `python -m likestorm run` of either revision. on_block is called when one is done, with the seconds
    that it took. Raises InterleavedError. On an interrupt the block that runs takes its stack down first, and others
    are ignored from then on.
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
    # An editable install would load this clone's own likestorm in both checkouts.
    path = os.pathsep.join([str(checkout.folder / "loadtests"), str(checkout.folder)])
    environment = os.environ | {"PYTHONPATH": path}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=checkout.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches only the front, which then ends the block
        )
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
    """Let the block take its stack down; by force where it does not."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
