"""Telemetry: metrics, timers around requests and stores, error tracking, logs."""
