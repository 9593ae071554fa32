"""Run a scenario, provide a worker, judge or report a saved run, or compare runs."""

import argparse
import os
import sys
from pathlib import Path

from likestorm import run
from likestorm.arguments import count_or_none, positive
from likestorm.capacity import search
from likestorm.comparison import verbs as comparison_verbs
from likestorm.errors import LikestormError, UsageError
from likestorm.generator import launcher
from likestorm.generator.launcher import MASTER_PORT, GeneratorConfig
from likestorm.report import terminal
from likestorm.report import write as write_report
from likestorm.results.environment import revision
from likestorm.results.record import document
from likestorm.scenario import project, reading

FAILED, USAGE, INTERRUPTED = 1, 2, 130
STATUSES = """exit status of run and judge:
  0 budgets met · 99 a budget broken · 98 the run is invalid · 97 inconclusive (too few samples to say)
  2 wrong usage or a wrong scenario file · 1 anything else failed · 130 interrupted"""


def main(arguments: list[str]) -> int:
    """Execute a command line and return the exit status."""
    # Like Python's -m, scenarios find classes in the current directory.
    if os.getcwd() not in sys.path:  # noqa: PTH109  # sys.path holds strings
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    options = _parser().parse_args(arguments)
    try:
        status: int = options.act(options)
    except reading.ScenarioError as error:
        print(error, file=sys.stderr)  # one problem a line, each with its place, as compilers print them
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
    verb = verbs.add_parser("run", help="run a scenario on its target", epilog=STATUSES, formatter_class=raw)
    _add_run(verb)
    _add_generator(verb)
    verb = verbs.add_parser("worker", help="join the generator of a run elsewhere (run --expect-workers)")
    verb.add_argument("--master", required=True, metavar="HOST[:PORT]", help="the --master-bind of that run")
    verb.add_argument("--patience", type=positive, default=300.0, metavar="S", help="wait for it (%(default)s s)")
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
    verb.add_argument("scenario", nargs="?", help="TOML file, or a name in the project's scenario folder")
    verb.add_argument("--duration", type=positive, metavar="S", help="length of the measured window in seconds")
    verb.add_argument("--rate", type=positive, metavar="FACTOR", help="multiplies all rates")
    text = "set a key of the scenario, such as target.url=http://127.0.0.1:8080; repeatable"
    verb.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=text)
    verb.add_argument("--out", type=Path, metavar="DIR", help="folder for the results (runs/TIME-SCENARIO)")
    verb.add_argument("--no-realtime", action="store_true", help="run the generator at normal priority")
    verb.set_defaults(act=_run)


def _add_generator(verb: argparse.ArgumentParser) -> None:
    """Options of the generator's processes and of Locust's output."""
    text = "generator processes on this machine (%(default)s)"
    verb.add_argument("--processes", type=count_or_none, default=1, metavar="N", help=text)
    text = "workers that join from elsewhere (worker --master)"
    verb.add_argument("--expect-workers", type=count_or_none, default=0, metavar="N", help=text)
    verb.add_argument("--master-bind", metavar="HOST[:PORT]", help="address for these workers (127.0.0.1)")
    text = "show Locust's web UI on loopback; latency starts when a request is due"
    verb.add_argument("--web", action="store_true", help=text)
    verb.add_argument("--web-port", type=count_or_none, default=8089, metavar="PORT", help="its port (%(default)s)")
    verb.add_argument("--web-host", default="127.0.0.1", metavar="HOST", help="its address (%(default)s)")
    verb.add_argument("--csv", type=Path, metavar="PREFIX", help="write Locust's CSV files, with the same latency")


def _run(options: argparse.Namespace) -> int:
    name = options.scenario or project.read().scenario
    if not name:
        raise UsageError("run needs a scenario: a TOML file")
    chosen = reading.load(name, options.set).scaled(options.rate, options.duration)
    config = _generator_config(options)
    do = search.search if chosen.capacity else run.run
    return do(run.Options(chosen, options.out, not options.no_realtime, config, reading.find(name)))


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
    print(write_report(saved, options.run))
    return 0


def _schema(_: argparse.Namespace) -> int:
    print(document.describe(), end="")
    return 0


def command() -> None:
    """The entry point of the command `likestorm`."""
    # A reader that ends early, such as head, must not cause a traceback.
    try:
        sys.exit(main(sys.argv[1:]))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
