"""VERB: drive a scenario, help to, look again at a run that was saved, or compare two revisions."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from compose.errors import StackError, UsageError
from compose.layout import STATE, STORAGES
from compose.topology import DEFAULT, DEFAULT_BASE_PORT, known, named
from likestorm import report, run
from likestorm.arguments import count_or_none, positive
from likestorm.capacity import search
from likestorm.comparison import verbs as comparison_verbs
from likestorm.comparison.interleaved import InterleavedError
from likestorm.comparison.revisions import RevisionError
from likestorm.comparison.saved import CompareError
from likestorm.errors import LikestormError
from likestorm.generator import launcher
from likestorm.generator.launcher import MASTER_PORT, GeneratorConfig, GeneratorError
from likestorm.report import terminal
from likestorm.results.collect import CollectError
from likestorm.results.record import document
from likestorm.scenario import reading

FAILED, USAGE, INTERRUPTED = 1, 2, 130
STATUSES = """exit status of run and judge:
  0 budgets met · 99 a budget broken · 98 the run is invalid · 97 inconclusive (too few samples to say)
  2 wrong usage or a wrong scenario file · 1 anything else failed · 130 interrupted"""


def main(arguments: list[str]) -> int:
    """Do what the command line asks for and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.act(options)
    except reading.ScenarioError as error:
        print(error, file=sys.stderr)  # a problem a line, each beginning with its place: as compilers do
        return USAGE
    except (UsageError, CompareError, RevisionError) as error:
        return _fail(error, USAGE)
    except (
        StackError, GeneratorError, CollectError, LikestormError, run.RunError, document.RecordError,
        report.ReportError, InterleavedError,
    ) as error:  # fmt: skip
        return _fail(error, FAILED)
    except KeyboardInterrupt:
        return _fail("interrupted: nothing was judged", INTERRUPTED)
    return status


def _fail(error: object, status: int) -> int:
    print(f"likestorm: {error}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog=_program(), description=__doc__, epilog=STATUSES, formatter_class=raw)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser(
        "run",
        help="drive a scenario on the reference stack, or on its own target",
        epilog=STATUSES,
        formatter_class=raw,
    )
    verb.add_argument("scenario", nargs="?", default="likes", help="name or TOML file (%(default)s)")
    verb.add_argument("--duration", type=positive, metavar="S", help="length of the measured window, seconds")
    verb.add_argument("--rate", type=positive, metavar="FACTOR", help="all rates times this")
    verb.add_argument("--out", type=Path, metavar="DIR", help="folder for the results (runs/TIME-SCENARIO)")
    verb.add_argument("--keep", action="store_true", help="of a stack that is up: drive the data that it holds")
    verb.add_argument("--topology", default=DEFAULT, help=f"{', '.join(known())}, or a .toml file (%(default)s)")
    verb.add_argument("--base-port", type=int, default=DEFAULT_BASE_PORT, help="first port of the stack (%(default)s)")
    verb.add_argument("--storage", choices=STORAGES, help="where data lies (memory if it has room, or else disk)")
    verb.add_argument("--errors", action="store_true", help="with an error tracker in the stack (make setup-errors)")
    verb.add_argument("--no-realtime", action="store_true", help="leave the generator at ordinary priority")
    verb.add_argument("--state", type=Path, default=STATE, help="folder of the stack (%(default)s)")
    _add_generator(verb)
    verb.set_defaults(act=_run)
    verb = verbs.add_parser("worker", help="make load for a run that is led elsewhere (run --expect-workers)")
    verb.add_argument("--master", required=True, metavar="HOST[:PORT]", help="where that run was told to --master-bind")
    verb.add_argument("--patience", type=positive, default=300.0, metavar="S", help="wait so long for it (%(default)s)")
    verb.set_defaults(act=_worker)
    for name, act, text in (
        ("judge", _judge, "judge a saved run again and rewrite its report"),
        ("report", _report, "rewrite the report of a saved run"),
    ):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("run", type=Path, metavar="RUN", help="folder of a run")
        verb.set_defaults(act=act)
    verb = verbs.add_parser("schema", help="print the JSON Schema of record.json")
    verb.set_defaults(act=_schema)
    comparison_verbs.add(verbs)
    return parser


def _add_generator(verb: argparse.ArgumentParser) -> None:
    """Which processes make the load, and what they show of it."""
    verb.add_argument(
        "--processes", type=count_or_none, default=1, metavar="N", help="so many make the load (%(default)s)"
    )
    verb.add_argument(
        "--expect-workers",
        type=count_or_none,
        default=0,
        metavar="N",
        help="and so many from elsewhere (worker --master)",
    )
    verb.add_argument("--master-bind", metavar="HOST[:PORT]", help="where workers may join (127.0.0.1)")
    text = "show Locust's web UI on loopback, with latency from when requests were due"
    verb.add_argument("--web", action="store_true", help=text)
    verb.add_argument("--web-port", type=count_or_none, default=8089, metavar="PORT", help="and there (%(default)s)")
    verb.add_argument("--web-host", default="127.0.0.1", metavar="HOST", help="at this address (%(default)s)")
    verb.add_argument("--csv", type=Path, metavar="PREFIX", help="Locust's own CSV files, the same way")


def _program() -> str:
    """How this was called: as a module, or as the command that pip installed."""
    name = Path(sys.argv[0]).name
    return "likestorm" if name == "__main__.py" else name


def _run(options: argparse.Namespace) -> int:
    chosen = reading.load(options.scenario).scaled(options.rate, options.duration)
    topology = replace(named(options.topology, options.base_port), errors=options.errors)
    state, realtime = options.state.resolve(), not options.no_realtime
    config = _generator_config(options)
    source = reading.find(options.scenario)
    do = search.search if chosen.capacity else run.bench
    return do(
        run.Options(chosen, topology, options.out, options.keep, state, options.storage, realtime, config, source)
    )


def _generator_config(options: argparse.Namespace) -> GeneratorConfig:
    web_port, csv = options.web_port if options.web else None, options.csv and options.csv.resolve()
    if not options.processes + options.expect_workers:
        raise UsageError("--processes 0 leaves the load to others: say how many with --expect-workers")
    bind = options.master_bind or "127.0.0.1"
    if options.expect_workers and ":" not in bind:
        bind += f":{MASTER_PORT}"  # remote workers need to know the port
    return GeneratorConfig(options.processes, options.expect_workers, bind, web_port, options.web_host, csv)


def _worker(options: argparse.Namespace) -> int:
    launcher.join(options.master, options.patience)


def _judge(options: argparse.Namespace) -> int:
    saved = document.load(options.run / run.RECORD_FILE)
    verdict, page = run.conclude(saved, reading.load_saved(options.run / run.SCENARIO_FILE), options.run)
    terminal.show_verdict(saved, verdict, page)
    return verdict.exit_code


def _report(options: argparse.Namespace) -> int:
    saved = document.load(options.run / run.RECORD_FILE)
    print(report.write(saved, options.run))
    return 0


def _schema(_: argparse.Namespace) -> int:
    print(document.describe(), end="")
    return 0


def command() -> None:
    """What the installed command `likestorm` calls."""
    # Output that is piped into something that ends early is no reason for a traceback.
    try:
        sys.exit(main(sys.argv[1:]))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)


if __name__ == "__main__":
    command()
