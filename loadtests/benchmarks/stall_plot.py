"""A stall of 2 s as stock Locust reports it, as Likestorm reports it, and as every arrival truly met it.

`python -m loadtests.benchmarks.stall_plot` drives the scripted server of loadtests/accuracy with both and writes
stall.svg. Stock Locust offers the same rate with 45 users of constant_throughput(2), which favours it: with fewer
users, each of which waits for its answer, still fewer requests would meet the stall.
"""

from __future__ import annotations

import math
import sys
import tempfile
from pathlib import Path

from jinja2 import Environment

from loadtests.accuracy import drive
from loadtests.accuracy.cases import PERCENTILES, STOCK_USER_RATE, Case
from loadtests.accuracy.drive import Load
from loadtests.accuracy.script import Behaviour, Service, Stall
from loadtests.benchmarks.result import BenchmarkError, Figure

STALL = Case("a stall of 2 s", Load(90, "constant", 20), Behaviour(Service("constant", 0.01), None, (Stall(9.0, 2.0),)))
LEAST_STOCK = 1500
"""Its users make about 1,620 requests beside the stall; far fewer mean that it did not get the CPU that it needs."""
PLOT = Path(__file__).with_name("stall.svg")
TEMPLATE = Path(__file__).with_name("stall.svg.jinja")
COLOURS = {"as it was": "#9aa5b1", "Likestorm": "#0b6e4f", "stock Locust": "#d1495b"}
LEFT, STEP, TOP, HEIGHT = 170, 150, 64, 210
LOWEST_MS, DECADES = 3.0, 3.0


def figures() -> list[Figure]:
    """Measure with both, draw the plot, and return the percentiles."""
    with tempfile.TemporaryDirectory(prefix="likestorm-stall-") as folder:
        ours = drive.likestorm(STALL.load, STALL.behaviour, Path(folder)).reported
        seconds = STALL.load.seconds
        stock = drive.stock_locust(STALL.stock_users, STOCK_USER_RATE, seconds, STALL.behaviour, Path(folder)).reported
    if stock.count < LEAST_STOCK:
        raise BenchmarkError(f"stock Locust made {stock.count} requests, fewer than {LEAST_STOCK}: the machine is busy")
    found = {
        "as it was": STALL.expected_ms(),
        "Likestorm": [each or math.nan for each in ours.percentiles_ms],
        "stock Locust": [each or math.nan for each in stock.percentiles_ms],
    }
    PLOT.write_text(draw(found))
    counts = {"as it was": len(STALL.load.due()), "Likestorm": ours.count, "stock Locust": stock.count}
    return [
        Figure(
            f"{name}, {counts[name]} requests: p50, p95, p99, p99.9", f"{', '.join(map(_say, values))} ms", "one run"
        )
        for name, values in found.items()
    ]


def draw(found: dict[str, list[float]]) -> str:
    """The plot as SVG: a line a source over the percentiles, and the values below."""
    lines = [
        {"name": name, "colour": COLOURS[name], "width": 9 if name == "as it was" else 2.5, "values": map(_say, values),
         "points": [(LEFT + STEP * number, round(_y(value), 1)) for number, value in enumerate(values)]}
        for name, values in found.items()
    ]  # fmt: skip
    grid = [(f"{10**power:g} ms", round(_y(10**power), 1)) for power in (1, 2, 3)]
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(TEMPLATE.read_text()).render(
        lines=lines, grid=grid, heads=[(f"p{each:g}", LEFT + STEP * n) for n, each in enumerate(PERCENTILES)]
    )


def _y(milliseconds: float) -> float:
    return TOP + HEIGHT * (1 - math.log10(milliseconds / LOWEST_MS) / DECADES)


def _say(milliseconds: float) -> str:
    return f"{milliseconds:,.0f}" if milliseconds >= 100 else f"{milliseconds:.1f}"


if __name__ == "__main__":
    for figure in figures():
        sys.stdout.write(f"{figure.what}: {figure.value}\n")
