"""The metric files that processes of the service write, as a page in Prometheus' text format."""

import json
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from prometheus_client.mmap_dict import _read_all_values
from prometheus_client.utils import floatToGoString

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})
_BUCKET = "le"
_HEAD_BYTES, _VALUE_BYTES, _TIMESTAMP_BYTES = 8, 8, 8

_told = lru_cache(maxsize=4096)(floatToGoString)
"""How a value is written: most are what they were a second ago."""

Labels = tuple[tuple[str, str], ...]


class _Source(NamedTuple):
    """A value in files of this kind, and the key under which prometheus-client keeps it."""

    kind: str
    key: str


class _Line(NamedTuple):
    """A line up to its value: its source's, cumulative on top of the one before; without a source that one again."""

    head: str
    source: _Source | None
    cumulative: bool


class _Layout:
    """Where a file has its values, and what it has between them; none of it moves, more may come."""

    def __init__(self, kind: str, data: bytes) -> None:
        self.sources: list[_Source] = []
        fields, end = [f"={_HEAD_BYTES}s"], _HEAD_BYTES
        for key, _value, _timestamp, position in _read_all_values(data):  # type: ignore[no-untyped-call]
            self.sources.append(_Source(kind, key))
            fields.append(f"{position - end}sd{_TIMESTAMP_BYTES}x")
            end = position + _VALUE_BYTES + _TIMESTAMP_BYTES
        self._fields = struct.Struct("".join(fields))
        # The first of it tells how much of the file is in use.
        head, *found = self._fields.unpack_from(data)
        self._between = (head, *found[::2])

    @property
    def size(self) -> int:
        """How many bytes of the file are in use."""
        return self._fields.size

    def values(self, data: bytes) -> Sequence[float] | None:
        """What is in a file that begins with `data`, in the order of `sources`; None when it has others."""
        if len(data) < self.size:
            return None
        head, *found = self._fields.unpack_from(data)
        return found[1::2] if (head, *found[::2]) == self._between else None


class Exposition:
    """The page of one folder, in which a value is the sum over all processes.

    It says what the library's MultiProcessCollector says, in a fraction of the time: that one takes all names and
    labels apart for each page anew, and requests wait meanwhile. Here this is done when there are new ones.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._layouts: dict[str, _Layout] = {}
        self._sources: frozenset[_Source] = frozenset()
        self._lines: list[_Line] = []

    def text(self) -> bytes:
        """The page as the files are now."""
        values = self._read()
        # What was there is mostly there again after a while without any.
        if values and values.keys() != self._sources:
            self._sources = frozenset(values)
            self._lines = list(_lines(values))
        told, value = [], 0.0
        for head, source, cumulative in self._lines if values else ():
            if source is not None:
                value = values[source] + (value if cumulative else 0.0)
            told.append(f"{head} {_told(value)}\n")
        return "".join(told).encode()

    def _read(self) -> dict[_Source, float]:
        values: dict[_Source, float] = defaultdict(float)
        for file in sorted(self._folder.glob("*.db")):
            try:
                found = self._read_file(file)
            except FileNotFoundError:
                # The gauges of a process that has just died.
                continue
            for source, value in found:
                values[source] += value
        return values

    def _read_file(self, file: Path) -> Iterable[tuple[_Source, float]]:
        with file.open("rb", buffering=0) as opened:
            layout = self._layouts.get(file.name)
            values = layout.values(opened.read(layout.size)) if layout else None
            if layout and values is not None:
                return zip(layout.sources, values, strict=True)
            opened.seek(0)
            data = opened.readall()
        # It may have been made just now.
        if not any(data[:_HEAD_BYTES]):
            return ()
        layout = self._layouts[file.name] = _Layout(file.name.partition("_")[0], data)
        return zip(layout.sources, layout.values(data) or (), strict=True)


def _lines(sources: Iterable[_Source]) -> Iterator[_Line]:
    families: dict[tuple[str, str, str], dict[Labels, list[tuple[str, float, _Source]]]] = {}
    for source in sources:
        family, name, labels, help_text = json.loads(source.key)
        bound = float(labels.pop(_BUCKET, "inf"))
        place = families.setdefault((family, source.kind, help_text), {})
        place.setdefault(tuple(sorted(labels.items())), []).append((name, bound, source))
    for (family, kind, help_text), series in families.items():
        # A counter's name has its _total in samples only.
        name = f"{family}_total" if kind == "counter" else family
        comment = f"# HELP {name} {help_text.translate(_HELP_ESCAPES)}\n# TYPE {name} {kind}\n"
        for labels, members in series.items():
            for line in _histogram(family, labels, members) if kind == "histogram" else _plain(labels, members):
                yield line._replace(head=comment + line.head)
                comment = ""


def _plain(labels: Labels, members: list[tuple[str, float, _Source]]) -> Iterator[_Line]:
    for name, _, source in members:
        yield _Line(_series(name, labels), source, False)


def _histogram(family: str, labels: Labels, members: list[tuple[str, float, _Source]]) -> Iterator[_Line]:
    """Buckets by their bounds, the count, which is the last one's, and the sum."""
    buckets = sorted((bound, source) for name, bound, source in members if name == f"{family}_bucket")
    for number, (bound, source) in enumerate(buckets):
        bounded = tuple(sorted((*labels, (_BUCKET, floatToGoString(bound)))))  # type: ignore[no-untyped-call]
        yield _Line(_series(f"{family}_bucket", bounded), source, number > 0)
    yield _Line(_series(f"{family}_count", labels), None, False)
    for name, _, source in members:
        if name == f"{family}_sum":
            yield _Line(_series(name, labels), source, False)


def _series(name: str, labels: Labels) -> str:
    told = ",".join(f'{label}="{value.translate(_ESCAPES)}"' for label, value in labels)
    return f"{name}{{{told}}}" if told else name
