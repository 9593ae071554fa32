"""Log lines on standard error, with the instance that wrote them."""

import logging


def configure(instance: str) -> None:
    """Log warnings and worse of everything in one format."""
    line = f"%(asctime)s {instance.replace('%', '%%')} %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.WARNING, format=line)
