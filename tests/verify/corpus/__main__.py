"""python -m tests.verify.corpus: deliberately bad runs, each of which must be called invalid for the right reason.

Exit status 0 where every run was called what it is, 1 where one was not.
"""

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from likestorm.results.record import Record
from likestorm.results.record.verdict import Verdict

from compose.topology import DEFAULT_BASE_PORT
from tests.verify.corpus import faults, rig, stack
from tests.verify.corpus.rig import Case, Skipped
from tests.verify.corpus.stack import StackCase

FORMAT = "{:<44} {:<28} {:<64} {}"


def main(arguments: list[str]) -> int:
    """Run what was asked for and print a line a run."""
    parser = argparse.ArgumentParser(prog="python -m tests.verify.corpus", description=__doc__)
    parser.add_argument("--only", metavar="WORDS", default="", help="only the runs whose name has these words")
    parser.add_argument("--clean", type=int, metavar="N", default=0, help="so many clean runs as well")
    parser.add_argument("--stack", action="store_true", help="runs on the reference stack as well")
    parser.add_argument(
        "--base-port", type=int, default=DEFAULT_BASE_PORT, help="first port of the stack (%(default)s)"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder in which the runs' files stay")
    options = parser.parse_args(arguments)
    cases = [case for case in (*faults.BAD, *faults.SLOW) if options.only in case.name]
    cases += [dataclasses.replace(faults.CLEAN, name=f"clean {k + 1}") for k in range(options.clean)]
    print(FORMAT.format("fault", "expected", "said", ""), flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="likestorm-corpus-") as scratch:
        folder = options.keep or Path(scratch)
        said = [_try(case, partial(rig.carry_out, case, folder / f"{k:02}")) for k, case in enumerate(cases)]
        if options.stack:
            said += _on_stack(options.only, options.base_port, folder)
    faults.sweep()
    right, skipped = said.count("right"), said.count("skipped")
    print(f"{right} of {len(said) - skipped} right, {skipped} skipped, {time.monotonic() - started:.0f} s")
    return 0 if right + skipped == len(said) else 1


def _on_stack(only: str, base_port: int, folder: Path) -> list[str]:
    cases = [case for case in stack.CASES if only in case.name]
    with stack.stack(folder, base_port) as state:
        return [
            _try(case, partial(stack.carry_out, case, state, folder / f"stack-{k}")) for k, case in enumerate(cases)
        ]


def _try(case: Case | StackCase, carry_out: Callable[[], tuple[Record, Verdict]]) -> str:
    try:
        record, verdict = carry_out()
    except Skipped as skipped:
        print(FORMAT.format(case.name, case.expects, str(skipped), "skipped"), flush=True)
        return "skipped"
    outcome = "right" if _is_right(case, verdict) else "WRONG"
    print(FORMAT.format(case.name, case.expects, _say(record, verdict), outcome), flush=True)
    return outcome


def _is_right(case: Case | StackCase, verdict: Verdict) -> bool:
    """The check that must fail has failed, and no other than the same fault explains; or none, where none must."""
    failed = {check.check for check in verdict.validity if check.status == "failed"}
    if case.expects in ("breach", "pass"):
        return not failed and verdict.status == case.expects
    return verdict.exit_code == 98 and case.expects in failed and failed <= {case.expects, *case.also}


def _say(record: Record, verdict: Verdict) -> str:
    failed = [f"{check.check}: {check.observed}" for check in verdict.validity if check.status == "failed"]
    load = record.load
    lost = f" ({load.failed} failed, {load.dropped} dropped, {load.unfinished} unfinished of {load.offered})"
    return f"{verdict.status.upper()} " + ("; ".join(failed) if failed else verdict.reason + lost)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
