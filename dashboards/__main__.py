"""python -m dashboards generate | check --prometheus URL."""

import argparse
import sys

from dashboards import DashboardsError
from dashboards.panels import PANELS
from dashboards.prometheus import Prometheus, empty_panels


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; 0 when done, 1 when a panel is empty or something failed, 2 on wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m dashboards", description="Dashboards from the panel catalogue.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("generate", help="write dashboards/generated/ from the catalogue (needs the dev requirements)")
    check = verbs.add_parser("check", help="fail if a panel's query gives no data at a living Prometheus")
    check.add_argument("--prometheus", required=True, metavar="URL")
    check.add_argument("--seconds", type=float, default=120.0, help="how far back to look (default: %(default)g)")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.verb == "generate":
            return _generate()
        return _check(Prometheus(chosen.prometheus), chosen.seconds)
    except DashboardsError as error:
        print(f"dashboards: {error}", file=sys.stderr)
        return 1


def _generate() -> int:
    try:
        from dashboards import grafana
    except ModuleNotFoundError as error:
        raise DashboardsError(f"{error.name} is missing; it is one of the dev requirements") from error
    grafana.OVERVIEW_FILE.write_text(grafana.overview_json())
    print(grafana.OVERVIEW_FILE)
    return 0


def _check(prometheus: Prometheus, seconds: float) -> int:
    empty = empty_panels(lambda promql: prometheus.recent(promql, seconds))
    for panel in empty:
        print(f"dashboards: panel {panel} has no data at {prometheus.url}", file=sys.stderr)
    if not empty:
        print(f"{len(PANELS)} panels have data")
    return 1 if empty else 0


if __name__ == "__main__":
    sys.exit(main())
