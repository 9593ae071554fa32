"""The files of dashboards/generated, made from the panel catalogue."""

from pathlib import Path

from likestorm.panels import grafana

from alerts import rules
from dashboards import metrics
from dashboards.panels import DASHBOARDS

GENERATED = Path(__file__).parent / "generated"


def files() -> dict[Path, str]:
    """The text of each generated file: the dashboards' JSON and the document of metrics."""
    dashboards = grafana.render(DASHBOARDS, rules.runbook)
    texts = {f"{name}.json": text for name, text in dashboards.items()} | {"metrics.md": metrics.document()}
    return {GENERATED / name: text for name, text in texts.items()}
