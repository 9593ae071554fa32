"""CPU time, memory, threads and files of each part's processes, under process-exporter's names: one group a part.

Debian's process-exporter reads some ten files of each process at each scrape: with the 700 processes of the large
topology it does not answer within a scrape's time.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from compose.errors import StackError
from compose.local.processes import families

SUPERVISOR = "supervisor"
_NAMES = ("num_procs", "num_threads", "open_filedesc", "resident", "virtual")


class Processes:
    """Groups supervisord's children, with their descendants, by the part's name.

    pid_file: supervisord's. name_parts: the parts' pids by name, asked only when there is an unknown child.
    """

    def __init__(self, pid_file: Path, name_parts: Callable[[], Mapping[str, int]]) -> None:
        self._pid_file = pid_file
        self._name_parts = name_parts
        self._pids: Mapping[str, int] = {}
        # The CPU time of each living process at the last reading, and of each part since the first.
        self._last: dict[psutil.Process, tuple[float, float]] = {}
        self._cpu_s: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])

    def __call__(self) -> Iterator[Metric]:
        """The metrics of every part that has had a process."""
        supervisor = psutil.Process(int(self._pid_file.read_text()))
        self._learn({child.pid for child in supervisor.children()})
        groups = {**families(self._pids), SUPERVISOR: [supervisor]}
        last, self._last = self._last, {}
        sums = {name: self._sum(name, processes, last) for name, processes in groups.items() if processes}
        for name, text in (("num_procs", "Processes."), ("num_threads", "Threads."), ("open_filedesc", "Open files.")):
            metric = GaugeMetricFamily(f"namedprocess_namegroup_{name}", text, labels=("groupname",))
            for group in self._cpu_s:
                metric.add_metric((group,), sums.get(group, Counter())[name])
            yield metric
        text = "Memory; shared pages count for each process."
        memory = GaugeMetricFamily("namedprocess_namegroup_memory_bytes", text, labels=("groupname", "memtype"))
        text = "CPU time, also of processes that have ended."
        cpu = CounterMetricFamily("namedprocess_namegroup_cpu_seconds", text, labels=("groupname", "mode"))
        for group, (user_s, system_s) in self._cpu_s.items():
            for kind in ("resident", "virtual"):
                memory.add_metric((group, kind), sums.get(group, Counter())[kind])
            cpu.add_metric((group, "user"), user_s)
            cpu.add_metric((group, "system"), system_s)
        yield from (memory, cpu)

    def _learn(self, children: set[int]) -> None:
        """Learn the names of supervisord's children; a child that supervisord does not name yet counts later."""
        if children - set(self._pids.values()):
            try:
                self._pids = self._name_parts()
            except StackError:
                return  # the known children stay known

    def _sum(
        self, name: str, processes: list[psutil.Process], last: Mapping[psutil.Process, tuple[float, float]]
    ) -> Counter[str]:
        """Sums over a part's living processes; adds their CPU time since the last reading to the part's."""
        sums, cpu_s = Counter[str](), self._cpu_s[name]
        for process in processes:
            try:
                with process.oneshot():
                    if process.status() == psutil.STATUS_ZOMBIE:
                        continue
                    cpu, memory = process.cpu_times(), process.memory_info()
                    seen = (1, process.num_threads(), process.num_fds(), memory.rss, memory.vms)
            except psutil.Error:
                continue  # it has just ended
            sums.update(dict(zip(_NAMES, seen, strict=True)))
            user_s, system_s = last.get(process, (0.0, 0.0))
            cpu_s[0] += cpu.user - user_s
            cpu_s[1] += cpu.system - system_s
            self._last[process] = (cpu.user, cpu.system)
        return sums
