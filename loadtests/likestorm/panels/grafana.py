"""Dashboards as Grafana's JSON; needs grafana-foundation-sdk, the extra `grafana` of the distribution."""

import itertools
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence

from likestorm.panels.model import COLUMNS, GRAFANA_WINDOW, INSTANCE, RUN, Dashboard, Panel

with warnings.catch_warnings():
    # At import the SDK recommends its v2 schema, which is not the file format that Grafana 12 imports.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import common as common_builders
    from grafana_foundation_sdk.builders import dashboard as builders
    from grafana_foundation_sdk.builders import prometheus, stat, timeseries
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models import common, dashboard

TAG = "likestorm"
DATASOURCE_UID = "likestorm-prometheus"
DATASOURCE = common.DataSourceRef("prometheus", "${datasource}")
GRAFANA = common.DataSourceRef("grafana", "-- Grafana --")
RUN_TAGS = [TAG, "run"]
"""Tags of the annotation of a finished load test, beside its scenario and verdict."""


Runbook = Callable[[str], str]


def uid(name: str) -> str:
    """The id of a dashboard in its address, the same in every Grafana."""
    return f"{TAG}-{name}"


def render(dashboards: Sequence[Dashboard], runbook: Runbook) -> dict[str, str]:
    """Grafana's JSON of each dashboard by the dashboard's name.

    runbook: gives the address of an alert's runbook, by the alert's name.
    """
    titles = {each.name: each.title for each in dashboards}
    return {each.name: _dashboard(each, titles, runbook) for each in dashboards}


def _dashboard(source: Dashboard, titles: Mapping[str, str], runbook: Runbook) -> str:
    builder = (
        builders.Dashboard(f"Likestorm: {source.title}")
        .uid(uid(source.name))
        .description(source.purpose)
        .tags([TAG])
        .timezone("browser")
        .time("now-15m", "now")
        .refresh("5s")
        .readonly()
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .link(_link_to_others())
        .annotation(_run_annotation())
        .annotation(_alert_annotation())
    )
    for variable in _variables(source):
        builder = builder.with_variable(variable)
    ids, top = itertools.count(1), 0
    for row in source.rows:
        position = dashboard.GridPos(h=1, w=COLUMNS, x=0, y=top)
        builder = builder.with_row(builders.Row(row.title).id(next(ids)).grid_pos(position))
        for panel, position in _placed(row.panels, top + 1):
            builder = builder.with_panel(_panel(panel, next(ids), position, titles, runbook))
            top = position.y + position.h
    model = json.loads(json.dumps(builder.build(), cls=JSONEncoder))
    for shown in (*model["links"], *model["annotations"]["list"]):
        # The SDK knows only the placement in a menu, which hides them.
        del shown["placement"]
    return json.dumps(model, indent=1, sort_keys=True) + "\n"


def _placed(panels: Sequence[Panel], top: int) -> Iterator[tuple[Panel, dashboard.GridPos]]:
    """Panels from left to right; a panel that does not fit starts a new line."""
    x, y, tallest = 0, top, 0
    for panel in panels:
        if x + panel.width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        yield panel, dashboard.GridPos(h=panel.height, w=panel.width, x=x, y=y)
        x, tallest = x + panel.width, max(tallest, panel.height)


def _variables(source: Dashboard) -> Iterator[builders.DatasourceVariable | builders.QueryVariable]:
    yield (
        builders.DatasourceVariable("datasource")
        .label("Prometheus")
        .type("prometheus")
        .current(dashboard.VariableOption(selected=True, text="Likestorm", value=DATASOURCE_UID))
    )
    if source.jobs:
        yield _choice("instance", "Instance", f'label_values(up{{job=~"{source.jobs}"}}, instance)')
    if source.by_run:
        yield _choice("run", "Run", "label_values(likestorm_load_offered_total, run)")


def _choice(name: str, label: str, query: str) -> builders.QueryVariable:
    return (
        builders.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query(query)
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.NATURAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(dashboard.VariableOption(selected=True, text="All", value="$__all"))
    )


def _link_to_others() -> builders.DashboardLink:
    return (
        builders.DashboardLink("Likestorm")
        .type(dashboard.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .keep_time(True)
        .include_vars(True)
    )


def _run_annotation() -> builders.AnnotationQuery:
    target = builders.AnnotationTarget().limit(100).match_any(False).tags(RUN_TAGS).type("tags")
    query = builders.AnnotationQuery().name("Runs").datasource(GRAFANA).enable(True).icon_color("blue")
    return query.target(target)  # type: ignore[arg-type]  # the SDK types it as a query


def _alert_annotation() -> builders.AnnotationQuery:
    return (
        builders.AnnotationQuery()
        .name("Alerts")
        .datasource(DATASOURCE)
        .enable(True)
        .icon_color("red")
        .expr('ALERTS{alertstate="firing"}')
        .step("10s")
        .title_format("{{alertname}}")
        .text_format("{{severity}}")
    )


def _panel(
    panel: Panel, number: int, position: dashboard.GridPos, titles: Mapping[str, str], runbook: Runbook
) -> stat.Panel | timeseries.Panel:
    query = (
        prometheus.Dataquery()
        .expr(panel.promql(GRAFANA_WINDOW, INSTANCE, RUN))
        .legend_format(panel.legend)
        .range()
        # The SDK sets neither panel ids nor refIds.
        .ref_id("A")
        .datasource(DATASOURCE)
    )
    built = _stat(panel) if panel.kind == "tiles" else _timeseries(panel)
    built = (
        built.id(number)
        .title(panel.title)
        .description(_description(panel, runbook))
        .datasource(DATASOURCE)
        .with_target(query)
        .grid_pos(position)
        .unit(panel.unit)
        .min(0)
        .no_value(panel.empty or "no data")
        .thresholds(_thresholds(panel))
    )
    return built.links([_link_deeper(panel, titles)]) if panel.more else built


def _stat(panel: Panel) -> stat.Panel:
    several = "{{" in panel.legend
    return (
        stat.Panel()
        .color_mode(common.BigValueColorMode.BACKGROUND if panel.thresholds else common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.NONE if several else common.BigValueGraphMode.AREA)
        .text_mode(common.BigValueTextMode.VALUE_AND_NAME if several else common.BigValueTextMode.VALUE)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .decimals(1)
    )


def _timeseries(panel: Panel) -> timeseries.Panel:
    legend = (
        common_builders.VizLegendOptions()
        # A custom legend is hidden by default.
        .show_legend(True)
        .display_mode(common.LegendDisplayMode.TABLE)
        .placement(common.LegendPlacement.BOTTOM)
        .calcs(["lastNotNull", "max"])
    )
    built = timeseries.Panel().legend(legend)
    if panel.thresholds:
        style = common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        built = built.thresholds_style(style)
    return built


def _thresholds(panel: Panel) -> builders.ThresholdsConfig:
    steps = [dashboard.Threshold(None, "green")]
    steps += [dashboard.Threshold(threshold.value, "orange") for threshold in panel.thresholds[:-1]]
    steps += [dashboard.Threshold(threshold.value, "red") for threshold in panel.thresholds[-1:]]
    return builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)


def _link_deeper(panel: Panel, titles: Mapping[str, str]) -> builders.DashboardLink:
    address = f"/d/{uid(panel.more)}?${{__url_time_range}}&${{datasource:queryparam}}"
    return builders.DashboardLink(titles[panel.more]).type(dashboard.DashboardLinkType.LINK).url(address)


def _description(panel: Panel, runbook: Runbook) -> str:
    parts = [panel.question]
    if panel.thresholds:
        parts.append("Lines: " + "; ".join(f"{t.value:g} {t.label}" for t in panel.thresholds) + ".")
    if panel.empty:
        parts.append(f"Empty: {panel.empty}")
    if panel.alert:
        parts.append(f"Alert: {panel.alert}, runbook {runbook(panel.alert)}.")
    return " ".join(parts)
