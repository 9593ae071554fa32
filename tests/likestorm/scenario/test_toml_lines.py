import tomllib
from typing import Any

from likestorm.scenario.toml_lines import Path, line_of, lines

TEXT = """\
# a comment with [brackets] and a = b
title = "a # b"
dotted.key."with space" = 1

[table]
text = '''
[not.a.table]
key = 1
'''  # 9
more = [
  1, [2,
  3],  # a ] in a comment
  {x = "}", y.z = 5},
]
["quo\\u0074ed".'one']
a = 2011-10-06T09:30:00Z

[[list]]
name = "one"
[list.sub]
deep = true
[[list]]
name = \"\"\"two \\\\\"\"\"\"
[[list.inner]]
n = 1
[[list.inner]]
n = 2
"""


def test_every_value_is_found_in_its_line() -> None:
    assert lines(TEXT) == {
        ("title",): 2, ("dotted",): 3, ("dotted", "key"): 3, ("dotted", "key", "with space"): 3,
        ("table",): 5, ("table", "text"): 6, ("table", "more"): 10, ("table", "more", 0): 11, ("table", "more", 1): 11,
        ("table", "more", 1, 0): 11, ("table", "more", 1, 1): 12, ("table", "more", 2): 13,
        ("table", "more", 2, "x"): 13, ("table", "more", 2, "y"): 13, ("table", "more", 2, "y", "z"): 13,
        ("quoted",): 15, ("quoted", "one"): 15, ("quoted", "one", "a"): 16,
        ("list",): 18, ("list", 0): 18, ("list", 0, "name"): 19, ("list", 0, "sub"): 20, ("list", 0, "sub", "deep"): 21,
        ("list", 1): 22, ("list", 1, "name"): 23, ("list", 1, "inner"): 24, ("list", 1, "inner", 0): 24,
        ("list", 1, "inner", 0, "n"): 25, ("list", 1, "inner", 1): 26, ("list", 1, "inner", 1, "n"): 27,
    }  # fmt: skip


def test_its_places_are_those_that_tomllib_reads() -> None:
    assert set(lines(TEXT)) == set(_places(tomllib.loads(TEXT)))


def test_what_is_not_there_has_the_line_of_what_it_would_be_in() -> None:
    known = lines(TEXT)
    assert line_of(known, ("list", 1, "missing")) == 22
    assert line_of(known, ("missing",)) == 1


def _places(value: Any, path: Path = ()) -> list[Path]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, each in items for place in [(*path, key), *_places(each, (*path, key))]]
