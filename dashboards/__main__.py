"""python -m dashboards generate | push | view."""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from likestorm.errors import LikestormError
from likestorm.results.prometheus import Prometheus

from dashboards import DashboardsError, history, view

PROMETHEUS = "http://127.0.0.1:8403"


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; 0 when done, 1 when something failed, 2 on wrong usage."""
    chosen = _parser().parse_args(arguments)
    try:
        {"generate": _generate, "push": _push, "view": _view}[chosen.verb](chosen)
    except LikestormError as error:
        print(f"dashboards: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dashboards", description="Dashboards from the panel catalogue.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("generate", help="write dashboards/generated/ from the catalogue (needs the dev requirements)")
    push = verbs.add_parser("push", help="write the dashboards to the Grafana at GRAFANA_URL, with GRAFANA_TOKEN")
    push.add_argument("--grafana", default=os.environ.get("GRAFANA_URL", ""), metavar="URL", help="(GRAFANA_URL)")
    push.add_argument("--prometheus", default=PROMETHEUS, metavar="URL", help="as Grafana reaches it (%(default)s)")
    push.add_argument("--interval", type=int, default=1, metavar="S", help="between its scrapes (%(default)s)")
    view = verbs.add_parser("view", help="serve the dashboards as pages on loopback, without Grafana")
    view.add_argument("--run", type=Path, metavar="DIR", help="show this finished run instead of the running stack")
    view.add_argument("--prometheus", metavar="URL", help="show this Prometheus instead of the stack's own")
    view.add_argument("--state", type=Path, metavar="DIR", help="folder of the stack's files")
    view.add_argument("--port", type=int, default=0, help="port of the pages (default: any free one)")
    return parser


def _generate(_chosen: argparse.Namespace) -> None:
    try:
        from dashboards import generation
    except ModuleNotFoundError as error:
        raise DashboardsError(f"{error.name} is missing; it is one of the dev requirements") from error
    for path, text in generation.files().items():
        path.write_text(text)
        print(path)


def _push(chosen: argparse.Namespace) -> None:
    from likestorm.panels import publish

    grafana = publish.Grafana(chosen.grafana, os.environ.get("GRAFANA_TOKEN", ""))
    changed = publish.push(grafana, chosen.prometheus, chosen.interval, Path(__file__).parent / "generated")
    print(f"{grafana.url}: {', '.join(changed) if changed else 'nothing to change'}")


def _view(chosen: argparse.Namespace) -> None:
    from compose.locks import interruptible

    # SIGTERM must also end the Prometheus that this command starts.
    with contextlib.suppress(KeyboardInterrupt), interruptible():
        with _source(chosen) as source, view.serve(source, chosen.port) as server:
            print(f"http://{view.HOST}:{server.server_port}/overview (end with Ctrl-C)", flush=True)
            server.serve_forever()


@contextlib.contextmanager
def _source(chosen: argparse.Namespace) -> Iterator[view.Source]:
    """A finished run, any Prometheus, or the running stack."""
    if chosen.run:
        run = history.read_run(chosen.run)
        of = f"{run.scenario}: {run.verdict}, {chosen.run.resolve().name}"
        with history.opened(chosen.run) as url:
            kept, window = Prometheus(url), (run.start.timestamp(), run.end.timestamp())
            yield view.Source(kept, of, kept.scrape_interval_s(window[1]), window)
    elif chosen.prometheus:
        yield view.found_at(chosen.prometheus)
    else:
        from compose import local
        from compose.layout import STATE

        target = local.running(chosen.state or STATE)
        if target is None:
            raise DashboardsError("no stack is running (make up); RUN=DIR shows a finished run")
        prometheus = Prometheus(target.prometheus_url)
        yield view.Source(prometheus, f"stack at {target.url}", target.topology.scrape_interval_s)


if __name__ == "__main__":
    sys.exit(main())
