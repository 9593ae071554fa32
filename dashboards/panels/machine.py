"""The resources of the machine, which the stack shares with the load generator."""

# fmt: off
from likestorm.panels.model import Panel, named, rate

CPU = Panel(
    "cpu-by-part", "CPU by part",
    "How many cores does each part use? A single-threaded part reaches its limit at one core.",
    rate("namedprocess_namegroup_cpu_seconds_total", 'job="process"', "groupname"), "{{groupname}}",
    "suffix:cores", adds_up=True, part="groupname",
)
MEMORY = Panel(
    "memory-by-part", "Memory by part",
    "How much memory is resident in each part? A page that processes share counts once for each process.",
    'sum by (groupname) (namedprocess_namegroup_memory_bytes{job="process",memtype="resident"})', "{{groupname}}",
    "bytes", adds_up=True,
)
PRESSURE = Panel(
    "pressure", "Pressure on the machine",
    "For which share of the time did some task wait for a core, and did all tasks wait for the disk? High pressure "
    "adds to every latency.",
    named(
        "wait",
        some_task_waits_for_a_core=rate("node_pressure_cpu_waiting_seconds_total", 'job="node"'),
        all_tasks_wait_for_the_disk=rate("node_pressure_io_stalled_seconds_total", 'job="node"'),
    ),
    "{{wait}}", "percentunit",
)
CORES = Panel(
    "cpu-by-mode", "CPU of the machine by mode",
    "What do the cores do? `steal` is time that the hypervisor gave to other machines.",
    rate("node_cpu_seconds_total", 'job="node",mode!="idle"', "mode"), "{{mode}}", "suffix:cores", adds_up=True,
)
AVAILABLE = Panel(
    "memory-available", "Available memory",
    "How much memory can new processes use without swapping?",
    'sum(node_memory_MemAvailable_bytes{job="node"})', "available", "bytes",
)
