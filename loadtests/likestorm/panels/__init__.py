"""Panels, the PromQL they ask and the charts they become, for reports and for Grafana."""
