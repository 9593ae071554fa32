"""Drive a scenario, help to, look again at a saved run, or compare runs."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from likestorm import run
from likestorm.arguments import count_or_none, positive
from likestorm.capacity import search
from likestorm.comparison import verbs as comparison_verbs
from likestorm.errors import LikestormError, UsageError
from likestorm.generator import remote, worker
from likestorm.generator.launcher import MASTER_PORT, Crew
from likestorm.report import terminal
from likestorm.report import write as write_report
from likestorm.results.environment import revision
from likestorm.results.record import document
from likestorm.scenario import Scenario, project, reading

FAILED, USAGE, INTERRUPTED = 1, 2, 130
STATUSES = """exit status of run and judge:
  0 budgets met · 99 a budget broken · 98 the run is invalid · 97 inconclusive (too few samples to say)
  2 wrong usage or a wrong scenario file · 1 anything else failed · 130 interrupted"""


def main(arguments: list[str]) -> int:
    """Do what the command line asks for and return the exit status."""
    # Classes that a scenario names are looked for in the current directory, as Python's -m does.
    if os.getcwd() not in sys.path:  # noqa: PTH109  # sys.path holds texts
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    options = _parser().parse_args(arguments)
    try:
        status: int = options.act(options)
    except reading.ScenarioError as error:
        print(error, file=sys.stderr)  # a problem a line, each beginning with its place, as compilers do
        return USAGE
    except UsageError as error:
        return _fail(error, USAGE)
    except LikestormError as error:
        return _fail(error, FAILED)
    except KeyboardInterrupt:
        return _fail("interrupted: nothing was judged", INTERRUPTED)
    return status


def _fail(error: object, status: int) -> int:
    print(f"likestorm: {error}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="likestorm", description=__doc__, epilog=STATUSES, formatter_class=raw)
    parser.add_argument("--version", action="version", version=f"likestorm {revision()}")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("run", help="drive a scenario on its target", epilog=STATUSES, formatter_class=raw)
    _add_run(verb)
    _add_generator(verb)
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


def _add_run(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("scenario", nargs="?", help="TOML file, or a name in the project's folder of scenarios")
    verb.add_argument("--duration", type=positive, metavar="S", help="length of the measured window, seconds")
    verb.add_argument("--rate", type=positive, metavar="FACTOR", help="all rates times this")
    text = "a key of the scenario, such as target.url=http://127.0.0.1:8080; may be repeated"
    verb.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=text)
    verb.add_argument("--out", type=Path, metavar="DIR", help="folder for the results (runs/TIME-SCENARIO)")
    verb.add_argument("--no-realtime", action="store_true", help="leave the generator at ordinary priority")
    verb.set_defaults(act=_run)


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
    text = "all load comes from there, --processes on each: names with commas as ssh knows them, or a fleet file"
    verb.add_argument("--hosts", metavar="A,B,C", help=text)
    text = f"folder of the code on these hosts, its Python in .venv ({remote.CODE}, as `fab deploy` makes it)"
    verb.add_argument("--code", metavar="DIR", help=text)
    text = "show Locust's web UI on loopback, with latency from when requests were due"
    verb.add_argument("--web", action="store_true", help=text)
    verb.add_argument("--web-port", type=count_or_none, default=8089, metavar="PORT", help="and there (%(default)s)")
    verb.add_argument("--web-host", default="127.0.0.1", metavar="HOST", help="at this address (%(default)s)")
    verb.add_argument("--csv", type=Path, metavar="PREFIX", help="Locust's own CSV files, the same way")


def _run(options: argparse.Namespace) -> int:
    name = options.scenario or project.read().scenario
    if not name:
        raise UsageError("run needs a scenario: a TOML file")
    chosen = reading.load(name, options.set).scaled(options.rate, options.duration)
    crew = _crew(options, chosen)
    do = search.search if chosen.capacity else run.run
    return do(run.Options(chosen, options.out, not options.no_realtime, crew, reading.find(name)))


def _crew(options: argparse.Namespace, chosen: Scenario) -> Crew:
    web_port, csv = options.web_port if options.web else None, options.csv and options.csv.resolve()
    if not options.processes + (options.expect_workers if options.hosts is None else 0):
        raise UsageError("--processes 0 leaves the load to others: say how many with --expect-workers")
    if options.hosts is not None:
        if not chosen.target.url:
            raise UsageError("--hosts needs a scenario whose [target] has a url")
        hosts, bind = remote.muster(options.hosts, options.master_bind, MASTER_PORT, options.code, options.processes)
        return Crew(0, options.expect_workers + hosts.workers, bind, web_port, options.web_host, csv, hosts)
    bind = options.master_bind or "127.0.0.1"
    if options.expect_workers and ":" not in bind:
        bind += f":{MASTER_PORT}"  # the workers that join must know it
    return Crew(options.processes, options.expect_workers, bind, web_port, options.web_host, csv)


def _worker(options: argparse.Namespace) -> int:
    return worker.join(options.master, options.patience)


def _judge(options: argparse.Namespace) -> int:
    saved = document.load(options.run / run.RECORD_FILE)
    verdict, page = run.conclude(saved, reading.load_saved(options.run / run.SCENARIO_FILE), options.run)
    terminal.show_verdict(saved, verdict, page)
    return verdict.exit_code


def _report(options: argparse.Namespace) -> int:
    saved = document.load(options.run / run.RECORD_FILE)
    print(write_report(saved, options.run))
    return 0


def _schema(_: argparse.Namespace) -> int:
    print(document.describe(), end="")
    return 0


def command() -> None:
    """The installed command `likestorm`."""
    # Output that is piped into something that ends early is no reason for a traceback.
    try:
        sys.exit(main(sys.argv[1:]))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
