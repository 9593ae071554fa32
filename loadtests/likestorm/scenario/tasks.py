"""Which tasks a Locust user class has, read from its source: nothing is imported, so Locust does not come along."""

from __future__ import annotations

import ast
import importlib.machinery
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path


class TaskError(Exception):
    """A user class that cannot be found; the message says what was looked for."""


@dataclass(frozen=True)
class Tasks:
    """The public methods of a user class; without `is_whole` it has bases whose source is not to be had."""

    names: frozenset[str]
    is_whole: bool


def find(reference: str) -> Tasks:
    """The tasks of "module:Class" and of its bases in the repository, or wherever Python looks; TaskError."""
    module, _, name = reference.partition(":")
    if _source(module) is None:
        raise TaskError(f"there is no module {module!r}")
    found = _class(module, name, frozenset())
    if found is None:
        raise TaskError(f"module {module!r} has no class {name!r}")
    return found


def _class(module: str, name: str, seen: frozenset[tuple[str, str]]) -> Tasks | None:
    """The class of that name in a module, or imported there from another one; None where it cannot be found."""
    if _is_engine(module):
        return Tasks(frozenset(), is_whole=True)
    tree = _parse(module)
    if tree is None or (module, name) in seen:
        return None
    seen |= {(module, name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == name:
            bases = [_base(module, tree, base, seen) for base in node.bases]
            whole = all(base is not None and base.is_whole for base in bases)
            inherited = [base.names for base in bases if base is not None]
            return Tasks(_methods(node).union(*inherited), whole)
    return _imported(module, tree, name, seen)


def _base(module: str, tree: ast.Module, base: ast.expr, seen: frozenset[tuple[str, str]]) -> Tasks | None:
    if isinstance(base, ast.Name):
        return _class(module, base.id, seen)
    if isinstance(base, ast.Attribute):
        return _class(_named(tree, ast.unparse(base.value)), base.attr, seen)
    return None


def _imported(module: str, tree: ast.Module, name: str, seen: frozenset[tuple[str, str]]) -> Tasks | None:
    """A class that the module takes from another one, by whatever name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _class(_absolute(module, node), alias.name, seen)
    return None


def _is_engine(module: str) -> bool:
    """Methods of Locust's and of the generator's own classes are no tasks."""
    package, _, _ = module.partition(".")
    return package in ("locust", "likestorm")


def _absolute(module: str, node: ast.ImportFrom) -> str:
    source = _source(module)
    levels = node.level - (source is not None and source.name == "__init__.py")
    parts = module.split(".")
    parents = parts[: len(parts) - levels] if node.level else []
    return ".".join([*parents, *([node.module] if node.module else [])])


def _named(tree: ast.Module, name: str) -> str:
    """The module that a module calls by a name of its own: import x as y, from p import x."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    package = f"{node.module}." if isinstance(node, ast.ImportFrom) and node.module else ""
                    return package + alias.name
    return name


def _methods(node: ast.ClassDef) -> frozenset[str]:
    names = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
    names |= {
        target.id
        for each in node.body
        if isinstance(each, ast.Assign)
        for target in each.targets
        if isinstance(target, ast.Name) and isinstance(each.value, ast.Name | ast.Attribute | ast.Lambda)
    }
    return frozenset(name for name in names if not name.startswith("_"))


@cache
def _parse(module: str) -> ast.Module | None:
    source = _source(module)
    return ast.parse(source.read_bytes()) if source else None


@cache
def _source(module: str) -> Path | None:
    """The file of a module, where the swarm would find it; no package of it is imported either."""
    places: list[str] | None = [str(Path.cwd()), *sys.path]
    spec = None
    name = ""
    for part in module.split("."):
        if not part or places is None:
            return None
        name = f"{name}.{part}" if name else part
        spec = importlib.machinery.PathFinder.find_spec(name, places)
        places = list(spec.submodule_search_locations or []) if spec else None
    origin = Path(spec.origin) if spec and spec.origin else None
    return origin if origin and origin.suffix == ".py" else None
