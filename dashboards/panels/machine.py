"""What the stack costs the machine that it shares with the load generator."""

from likestorm.panels.model import Panel, named

CPU = Panel(
    "cpu-by-part", "CPU by part",
    "How many cores does each part keep busy? A single-threaded part is full at one core.",
    'sum by (groupname) (rate(namedprocess_namegroup_cpu_seconds_total{job="process"}[$window]))', "{{groupname}}",
    "suffix:cores", adds_up=True,
)  # fmt: skip
MEMORY = Panel(
    "memory-by-part", "Memory by part",
    "How much memory is resident in each part? Pages shared between processes count once a process.",
    'sum by (groupname) (namedprocess_namegroup_memory_bytes{job="process",memtype="resident"})', "{{groupname}}",
    "bytes", adds_up=True,
)  # fmt: skip
PRESSURE = Panel(
    "pressure", "Pressure on the machine",
    "Which share of the time did somebody wait for a core, and everybody for the disk? "
    "High pressure makes every latency the machine's own.",
    named(
        "wait",
        somebody_waits_for_a_core='sum(rate(node_pressure_cpu_waiting_seconds_total{job="node"}[$window]))',
        everybody_waits_for_the_disk='sum(rate(node_pressure_io_stalled_seconds_total{job="node"}[$window]))',
    ),
    "{{wait}}", "percentunit",
)  # fmt: skip
CORES = Panel(
    "cpu-by-mode", "CPU of the machine by mode",
    "What do the cores do? `steal` is time that the host gave to others.",
    'sum by (mode) (rate(node_cpu_seconds_total{job="node",mode!="idle"}[$window]))', "{{mode}}", "suffix:cores",
    adds_up=True,
)  # fmt: skip
AVAILABLE = Panel(
    "memory-available", "Memory left",
    "How much memory could be had without taking it from anybody?",
    'sum(node_memory_MemAvailable_bytes{job="node"})', "available", "bytes",
)  # fmt: skip
