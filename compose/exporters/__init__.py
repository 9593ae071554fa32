"""The collectors that no kept exporter offers: one process, one path a backend or service instance."""
