"""The metrics of exporters and collectors in panels and alerts (exported.csv); service/catalog.py has the service's."""

import csv
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Exported:
    """A metric of a community exporter, or of our collector under the same name; `job` scrapes it."""

    name: str
    kind: str
    job: str
    labels: tuple[str, ...]
    meaning: str


with Path(__file__).with_suffix(".csv").open(newline="") as _file:
    EXPORTED = tuple(
        Exported(row["name"], row["kind"], row["job"], tuple(row["labels"].split()), row["meaning"])
        for row in csv.DictReader(_file)
    )
