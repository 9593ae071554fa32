"""The panel catalogue: every dashboard, in a module of its name, and every panel once."""

from likestorm.panels.model import RUN_WINDOW, Dashboard, Panel, Threshold, window_of

from dashboards.panels import data, http, machine, media, overview, run, slo, work

__all__ = ["BY_ID", "DASHBOARDS", "PANELS", "REPORTED", "RUN_WINDOW", "Dashboard", "Panel", "Threshold", "window_of"]

DASHBOARDS: tuple[Dashboard, ...] = (
    overview.DASHBOARD, slo.DASHBOARD, http.DASHBOARD, data.DASHBOARD, media.DASHBOARD, work.DASHBOARD, run.DASHBOARD,
)  # fmt: skip
PANELS: tuple[Panel, ...] = tuple({panel.id: panel for each in DASHBOARDS for panel in each.panels}.values())
BY_ID: dict[str, Panel] = {panel.id: panel for panel in PANELS}

REPORTED: tuple[Panel, ...] = (
    overview.PHOTOS, overview.LIKES, overview.SIGNUPS, overview.LATENCY, overview.ERRORS, overview.QUEUE_DEPTH,
    machine.CPU, machine.MEMORY, data.STORES, data.POOL_WAIT, data.POOL_WAITING, data.CACHE, work.WAIT, work.CHAINS,
    work.PUSHES, data.LAG, media.CDN_REQUESTS, machine.PRESSURE, data.COMMITS, data.REDIS_COMMANDS,
)  # fmt: skip
"""The panels that a run's record keeps and its report draws."""
