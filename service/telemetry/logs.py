"""Log lines on standard error, with the name of the instance."""

import logging


def configure(instance: str) -> None:
    """Log warnings and errors of every logger in one format."""
    line = f"%(asctime)s {instance.replace('%', '%%')} %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.WARNING, format=line)
