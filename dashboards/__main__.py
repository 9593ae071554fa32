"""python -m dashboards generate | check | push | view."""

import argparse
import contextlib
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from likestorm.errors import LikestormError
from likestorm.results.prometheus import Prometheus

from dashboards import DashboardsError, history, view
from dashboards.panels import PANELS, RUN_WINDOW, window_of

PROMETHEUS = "http://127.0.0.1:8403"


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; 0 when done, 1 when a panel is empty or something failed, 2 on wrong usage."""
    chosen = _parser().parse_args(arguments)
    try:
        if chosen.verb == "generate":
            return _generate()
        if chosen.verb == "push":
            return _push(chosen)
        if chosen.verb == "view":
            return _view(chosen)
        return _check(Prometheus(chosen.prometheus), chosen.seconds)
    except LikestormError as error:
        print(f"dashboards: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dashboards", description="Dashboards from the panel catalogue.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("generate", help="write dashboards/generated/ from the catalogue (needs the dev requirements)")
    check = verbs.add_parser("check", help="fail if a panel's query gives no data at a living Prometheus")
    check.add_argument("--prometheus", required=True, metavar="URL")
    check.add_argument("--seconds", type=float, default=120.0, help="how far back to look (default: %(default)g)")
    push = verbs.add_parser("push", help="bring the dashboards to the Grafana at GRAFANA_URL, with GRAFANA_TOKEN")
    push.add_argument("--grafana", default=os.environ.get("GRAFANA_URL", ""), metavar="URL", help="(GRAFANA_URL)")
    push.add_argument("--prometheus", default=PROMETHEUS, metavar="URL", help="as Grafana reaches it (%(default)s)")
    push.add_argument("--interval", type=int, default=1, metavar="S", help="between its scrapes (%(default)s)")
    view = verbs.add_parser("view", help="serve the dashboards as a page on loopback, without Grafana")
    view.add_argument("--run", type=Path, metavar="DIR", help="of this finished run, in place of the stack that is up")
    view.add_argument("--prometheus", metavar="URL", help="of this Prometheus, in place of the stack's own")
    view.add_argument("--state", type=Path, metavar="DIR", help="where the stack keeps its files")
    view.add_argument("--port", type=int, default=0, help="of the page; any free one unless told")
    return parser


def _generate() -> int:
    try:
        from dashboards import generation
    except ModuleNotFoundError as error:
        raise DashboardsError(f"{error.name} is missing; it is one of the dev requirements") from error
    for path, text in generation.files().items():
        path.write_text(text)
        print(path)
    return 0


def _check(prometheus: Prometheus, seconds: float) -> int:
    window = window_of(prometheus.scrape_interval_s(time.time()))
    empty = empty_panels(lambda promql: prometheus.recent(promql, seconds), window)
    for panel in empty:
        print(f"dashboards: panel {panel} has no data at {prometheus.url}", file=sys.stderr)
    if not empty:
        print(f"{len(PANELS)} panels have data, or a reason to have none")
    return 1 if empty else 0


def empty_panels(query: Callable[[str], Sequence[Sequence[float]]], window: str = RUN_WINDOW) -> list[str]:
    """The ids of the panels without one finite value or declared reason; query: PromQL → values by series."""
    return [
        panel.id
        for panel in PANELS
        if not panel.empty
        and not any(math.isfinite(value) for values in query(panel.promql(window)) for value in values)
    ]


def _push(chosen: argparse.Namespace) -> int:
    from likestorm.panels import publish

    grafana = publish.Grafana(chosen.grafana, os.environ.get("GRAFANA_TOKEN", ""))
    changed = publish.push(grafana, chosen.prometheus, chosen.interval, Path(__file__).parent / "generated")
    print(f"{grafana.url}: {', '.join(changed) if changed else 'everything was there already'}")
    return 0


def _view(chosen: argparse.Namespace) -> int:
    from compose.locks import interruptible

    # However it is told to end, a Prometheus that it started ends with it.
    with contextlib.suppress(KeyboardInterrupt), interruptible():
        with _source(chosen) as source, view.serve(source, chosen.port) as server:
            print(f"http://{view.HOST}:{server.server_port}/overview (Ctrl-C ends it)", flush=True)
            server.serve_forever()
    return 0


@contextlib.contextmanager
def _source(chosen: argparse.Namespace) -> Iterator[view.Source]:
    """What is to be looked at: a finished run, some Prometheus, or the stack that is up."""
    if chosen.run:
        run = history.read_run(chosen.run)
        of = f"{run.scenario}: {run.verdict}, {chosen.run.resolve().name}"
        with history.opened(chosen.run) as url:
            kept, end = Prometheus(url), run.end.timestamp()
            yield view.Finished(kept, of, run.start.timestamp(), end, kept.scrape_interval_s(end))
        return
    if chosen.prometheus:
        yield view.found_at(chosen.prometheus)
        return
    from compose import local
    from compose.layout import STATE

    target = local.running(chosen.state or STATE)
    if target is None:
        raise DashboardsError("no stack is up (make up); RUN=DIR shows a finished run")
    yield view.Live(Prometheus(target.prometheus_url), f"stack at {target.url}", target.topology.scrape_interval_s)


if __name__ == "__main__":
    sys.exit(main())
