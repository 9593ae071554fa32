"""The line of each value in a TOML file, for messages that begin with FILE:LINE."""

import re
import tomllib
from collections.abc import Mapping

Path = tuple[str | int, ...]
"""Keys from the outermost table inwards; numbers are indices in arrays."""

_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?""""{0,2}' r"|'''.*?''''{0,2}" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'", re.DOTALL
)
_BARE = re.compile(r"[^,\]}#\n]*")


def lines(text: str) -> Mapping[Path, int]:
    """The line of each table, key and array item in a text that tomllib accepts."""
    return _Scanner(text).scan()


def line_of(known: Mapping[Path, int], path: Path) -> int:
    """The line of a value, or of the innermost known table around it; 1 without one."""
    while path and path not in known:
        path = path[:-1]
    return known.get(path, 1)


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._sees("["):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self._lines

    def _header(self) -> Path:
        """[table] or [[array of tables]]; the name of an array refers to its last table."""
        is_array = self._sees("[[")
        line = self._line()
        self._at += 2 if is_array else 1
        keys = self._keys()
        path: Path = ()
        for key in keys[:-1]:
            path = self._latest((*path, key))
        path = (*path, keys[-1])
        if is_array:
            self._counts[path] = self._counts.get(path, 0) + 1
            self._note(path, line)
            path = self._latest(path)
        self._note(path, line)
        self._at = self._text.index("]", self._at) + (2 if is_array else 1)
        return path

    def _pair(self, table: Path) -> None:
        line = self._line()
        path = (*table, *self._keys())
        self._at += 1  # the equals sign
        self._value(path, line)

    def _value(self, path: Path, line: int) -> None:
        self._note(path, line)
        self._skip(_SPACE)
        if self._sees("["):
            self._array(path)
        elif self._sees("{"):
            self._inline(path)
        elif not self._skip(_STRING):
            self._skip(_BARE)

    def _array(self, path: Path) -> None:
        self._at += 1
        index = 0
        self._skip(_BLANK)
        while not self._sees("]"):
            self._value((*path, index), self._line())
            index += 1
            self._separate()
        self._at += 1

    def _inline(self, path: Path) -> None:
        self._at += 1
        self._skip(_BLANK)
        while not self._sees("}"):
            self._pair(path)
            self._separate()
        self._at += 1

    def _separate(self) -> None:
        self._skip(_BLANK)
        if self._sees(","):
            self._at += 1
            self._skip(_BLANK)

    def _keys(self) -> list[str]:
        """A key, or several keys with dots, and the space behind."""
        keys = []
        while True:
            self._skip(_SPACE)
            found = self._skip(_KEY)
            keys.append(str(tomllib.loads(f"key = {found}")["key"]) if found[0] in "\"'" else found)
            self._skip(_SPACE)
            if not self._sees("."):
                return keys
            self._at += 1

    def _latest(self, path: Path) -> Path:
        return (*path, self._counts[path] - 1) if path in self._counts else path

    def _note(self, path: Path, line: int) -> None:
        """Note the line of a value, and of tables around it that have no header."""
        for length in range(1, len(path) + 1):
            self._lines.setdefault(path[:length], line)

    def _sees(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return match[0]

    def _line(self) -> int:
        return self._text.count("\n", 0, self._at) + 1
