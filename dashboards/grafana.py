"""The overview as a Grafana dashboard; needs grafana-foundation-sdk, which a bench does without."""

import json
import warnings
from pathlib import Path

from alerts import rules
from dashboards.panels import GRAFANA_WINDOW, OVERVIEW, Panel

with warnings.catch_warnings():
    # The SDK recommends its v2 schema at import; that one is not the file format that Grafana 12 imports.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import common as common_builders
    from grafana_foundation_sdk.builders import dashboard as dashboard_builders
    from grafana_foundation_sdk.builders import prometheus, timeseries
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models import common, dashboard

OVERVIEW_FILE = Path(__file__).parent / "generated" / "overview.json"
DATASOURCE = common.DataSourceRef("prometheus", "${datasource}")
COLUMNS, HEIGHT = 3, 9
WIDTH = 24 // COLUMNS


def overview_json() -> str:
    """The overview dashboard as Grafana's JSON."""
    builder = (
        dashboard_builders.Dashboard("Likestorm overview")
        .uid("likestorm-overview")
        .description("What users do, how fast they are answered, and what is left to do.")
        .tags(["likestorm"])
        .timezone("browser")
        .time("now-15m", "now")
        .refresh("5s")
        .readonly()
        .with_variable(dashboard_builders.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    for position, panel in enumerate(OVERVIEW):
        builder = builder.with_panel(_timeseries(panel, position))
    return json.dumps(builder.build(), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"


def _timeseries(panel: Panel, position: int) -> timeseries.Panel:
    row, column = divmod(position, COLUMNS)
    query = prometheus.Dataquery().expr(panel.promql(GRAFANA_WINDOW)).legend_format(panel.legend).range()
    built = (
        timeseries.Panel()
        # The SDK gives out neither panel ids nor refIds, and hides a legend that was not asked to be shown.
        .id(position + 1)
        .title(panel.title)
        .description(_description(panel))
        .datasource(DATASOURCE)
        .with_target(query.ref_id("A").datasource(DATASOURCE))
        .grid_pos(dashboard.GridPos(h=HEIGHT, w=WIDTH, x=column * WIDTH, y=row * HEIGHT))
        .unit(panel.unit)
        .min(0)
        .legend(_legend())
    )
    return _with_thresholds(built, panel) if panel.thresholds else built


def _legend() -> common_builders.VizLegendOptions:
    return (
        common_builders.VizLegendOptions()
        .show_legend(True)
        .display_mode(common.LegendDisplayMode.TABLE)
        .placement(common.LegendPlacement.BOTTOM)
        .calcs(["lastNotNull", "max"])
    )


def _with_thresholds(built: timeseries.Panel, panel: Panel) -> timeseries.Panel:
    steps = [dashboard.Threshold(None, "green")]
    steps += [dashboard.Threshold(threshold.value, "orange") for threshold in panel.thresholds[:-1]]
    steps.append(dashboard.Threshold(panel.thresholds[-1].value, "red"))
    style = common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
    levels = dashboard_builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)
    return built.thresholds(levels).thresholds_style(style)


def _description(panel: Panel) -> str:
    parts = [panel.question]
    if panel.thresholds:
        parts.append("Lines: " + "; ".join(f"{t.value:g} {t.label}" for t in panel.thresholds) + ".")
    if panel.alert:
        parts.append(f"Alert: {panel.alert}, runbook {rules.runbook(panel.alert)}.")
    return " ".join(parts)
