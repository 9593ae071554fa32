"""python -m alerts.drills [FAULT…]: make faults on a stack, and check that the right alerts reach a person."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from likestorm.generator.launcher import GeneratorError

from alerts import AlertsError
from alerts.drills import DrillError, drill
from alerts.drills.faults import BY_NAME, FAULTS, Fault
from compose.errors import StackError, UsageError
from compose.layout import CLONE, STATE
from compose.topology import DEFAULT_BASE_PORT, named

CALM_S = 600.0


def main(arguments: list[str]) -> int:
    """Exit status: 0 when every alert fired for its fault and none in the calm, 1 when not, 2 on wrong usage."""
    options = _parser().parse_args(arguments)
    if options.list:
        for fault in FAULTS:
            print(f"{fault.name:28} {fault.what}: {', '.join(fault.alerts)}")
        return 0
    try:
        faults = _chosen(options.faults)
        out = options.out or CLONE / "runs" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-drills"
        topology = named("small", options.base_port)
        result = drill.run(
            drill.Options(faults, drill.WARM_UP_S, options.calm, out.resolve(), topology, options.state.resolve()), _say
        )
    except UsageError as error:
        print(f"drills: {error}", file=sys.stderr)
        return 2
    except (AlertsError, DrillError, StackError, GeneratorError) as error:
        print(f"drills: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("drills: interrupted", file=sys.stderr)
        return 130
    print(f"{'good' if result.is_good else 'NOT GOOD'}: {out / 'matrix.md'}")
    return 0 if result.is_good else 1


def _chosen(names: list[str]) -> tuple[Fault, ...]:
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        raise UsageError(f"no such fault: {', '.join(unknown)}; see --list")
    return tuple(BY_NAME[name] for name in names) or tuple(fault for fault in FAULTS if not fault.only_if_named)


def _say(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m alerts.drills", description=__doc__)
    parser.add_argument("faults", nargs="*", metavar="FAULT", help="which ones (all that harm no other program)")
    parser.add_argument("--calm", type=_seconds, default=CALM_S, metavar="S", help="calm before them, s (%(default)g)")
    parser.add_argument("--base-port", type=int, default=DEFAULT_BASE_PORT, help="first of its ports (%(default)s)")
    parser.add_argument("--state", type=Path, default=STATE, help="folder of the stack's files")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the results (runs/TIME-drills)")
    parser.add_argument("--list", action="store_true", help="list the faults and end")
    return parser


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number < 86_400:
        raise ValueError
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
