"""Collectors for parts without a maintained exporter: one process, one path a backend or service instance."""
