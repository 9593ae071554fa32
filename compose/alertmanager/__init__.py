"""Alertmanager and its configuration."""
