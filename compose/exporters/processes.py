"""What each part's processes take of the machine, under process-exporter's names: one group a part.

Debian's process-exporter reads some ten files of each process and each scrape: with the 700 processes of the large
topology it does not answer within a scrape's time, and with the small one it takes ten times what this does.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from compose.errors import StackError

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
SUPERVISOR = "supervisor"


@dataclass(frozen=True)
class Seen:
    """One process at one moment; times in seconds, started in the kernel's ticks, which tells a pid's owners apart."""

    pid: int
    parent: int
    started: int
    user_s: float
    system_s: float
    threads: int
    virtual_bytes: int
    resident_bytes: int


@dataclass
class _Group:
    """The living processes of a part; the CPU time is of those that ended too."""

    processes: list[Seen] = field(default_factory=list)
    files: int = 0
    user_s: float = 0.0
    system_s: float = 0.0


class Processes:
    """Groups supervisord's children, with all that they have started, by the part's name.

    pid_file: supervisord's. name_parts: the parts' pids by name, asked only when there is a child not known yet.
    """

    def __init__(self, pid_file: Path, name_parts: Callable[[], Mapping[str, int]]) -> None:
        self._pid_file = pid_file
        self._name_parts = name_parts
        self._names: dict[int, str] = {}
        self._before: dict[tuple[int, int], Seen] = {}
        self._groups: dict[str, _Group] = {}

    def __call__(self) -> Iterator[Metric]:
        """The metrics of every part that has had a process."""
        self._look()
        groups = self._groups.items()
        alive = GaugeMetricFamily("namedprocess_namegroup_num_procs", "Processes.", labels=("groupname",))
        threads = GaugeMetricFamily("namedprocess_namegroup_num_threads", "Threads.", labels=("groupname",))
        files = GaugeMetricFamily("namedprocess_namegroup_open_filedesc", "Open files.", labels=("groupname",))
        memory = GaugeMetricFamily(
            "namedprocess_namegroup_memory_bytes", "Memory; shared pages count for each process.",
            labels=("groupname", "memtype"),
        )  # fmt: skip
        cpu = CounterMetricFamily(
            "namedprocess_namegroup_cpu_seconds", "CPU time, also of processes that have ended.",
            labels=("groupname", "mode"),
        )  # fmt: skip
        for name, group in groups:
            alive.add_metric((name,), len(group.processes))
            threads.add_metric((name,), sum(seen.threads for seen in group.processes))
            files.add_metric((name,), group.files)
            memory.add_metric((name, "resident"), sum(seen.resident_bytes for seen in group.processes))
            memory.add_metric((name, "virtual"), sum(seen.virtual_bytes for seen in group.processes))
            cpu.add_metric((name, "user"), group.user_s)
            cpu.add_metric((name, "system"), group.system_s)
        yield from (alive, threads, files, memory, cpu)

    def _look(self) -> None:
        everything = {seen.pid: seen for seen in _processes()}
        supervisor = int(self._pid_file.read_text())
        self._learn({seen.pid for seen in everything.values() if seen.parent == supervisor})
        for group in self._groups.values():
            group.processes.clear()
            group.files = 0
        before, self._before = self._before, {}
        for seen in everything.values():
            name = self._part_of(seen.pid, supervisor, everything)
            if name is None:
                continue
            group = self._groups.setdefault(name, _Group())
            last = before.get((seen.pid, seen.started))
            group.user_s += seen.user_s - (last.user_s if last else 0.0)
            group.system_s += seen.system_s - (last.system_s if last else 0.0)
            group.files += _count_files(seen.pid)
            group.processes.append(seen)
            self._before[seen.pid, seen.started] = seen

    def _learn(self, children: set[int]) -> None:
        """Know the names of supervisord's children; one that it does not tell of yet counts from a later look on."""
        self._names = {pid: name for pid, name in self._names.items() if pid in children}
        if children - self._names.keys():
            try:
                self._names = {pid: name for name, pid in self._name_parts().items() if pid in children}
            except StackError:
                return  # it does not answer now: its known children go on

    def _part_of(self, pid: int, supervisor: int, everything: Mapping[int, Seen]) -> str | None:
        """The part whose process, or whose process' descendant, this is; None for anybody else's."""
        while pid in everything:
            if pid == supervisor:
                return SUPERVISOR
            if pid in self._names:
                return self._names[pid]
            parent = everything[pid].parent
            if parent == supervisor:
                return None
            pid = parent
        return None


def _processes() -> Iterator[Seen]:
    """Every process of the machine that is not about to be buried."""
    for entry in os.listdir("/proc"):  # noqa: PTH208 (a Path for each would cost more than the look)
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb", buffering=0) as file:  # noqa: PTH123
                    seen = read_stat(file.read(4096))
            except OSError:
                continue  # it has ended since
            if seen:
                yield seen


def read_stat(text: bytes) -> Seen | None:
    """A line of /proc/PID/stat, as proc(5) has it; None of a zombie. The name in it may hold anything."""
    before, _, after = text.rpartition(b")")
    values = after.split()
    if values[0] == b"Z":
        return None
    return Seen(
        pid=int(before.partition(b" ")[0]),
        parent=int(values[1]),
        started=int(values[19]),
        user_s=int(values[11]) * _TICK_S,
        system_s=int(values[12]) * _TICK_S,
        threads=int(values[17]),
        virtual_bytes=int(values[20]),
        resident_bytes=int(values[21]) * _PAGE_BYTES,
    )


def _count_files(pid: int) -> int:
    folder = f"/proc/{pid}/fd"
    try:
        # Linux tells the count as the folder's size since 6.2; to list it costs as much as all the rest.
        return os.stat(folder).st_size or len(os.listdir(folder))  # noqa: PTH116, PTH208
    except OSError:
        return 0  # it has ended since, or is another user's
