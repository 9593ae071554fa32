"""The tasks of a Locust user class, read from its source without importing it, because that would import Locust."""

import ast
import importlib.machinery
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ENGINE = ("locust", "likestorm")
"""Packages whose classes have no tasks of their own."""


class TaskError(Exception):
    """A user class that cannot be found."""


@dataclass(frozen=True)
class Tasks:
    """The public methods of a user class; not `is_whole` if the source of a base class is not available."""

    names: frozenset[str]
    is_whole: bool


def find(reference: str) -> Tasks:
    """The tasks of "module:Class" and its bases, in the current directory or on sys.path; TaskError."""
    module, _, name = reference.partition(":")
    if _source(module) is None:
        raise TaskError(f"there is no module {module!r}")
    found = _class(module, name, frozenset())
    if found is None:
        raise TaskError(f"module {module!r} has no class {name!r}")
    return found


def _class(module: str, name: str, seen: frozenset[tuple[str, str]]) -> Tasks | None:
    """A class defined in a module or imported there; None if it cannot be found."""
    if module.partition(".")[0] in ENGINE:
        return Tasks(frozenset(), is_whole=True)
    tree = _parse(module)
    if tree is None or (module, name) in seen:
        return None
    seen |= {(module, name)}
    defined = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    imported = _imports(module, tree)
    if name not in defined:
        head, _, rest = imported.get(name, "").rpartition(".")
        return _class(head, rest, seen) if head else None
    bases = []
    for base in map(ast.unparse, defined[name].bases):
        owner, _, attribute = base.rpartition(".")
        bases.append(_class(imported.get(owner, owner) or module, attribute, seen))
    inherited = [base.names for base in bases if base is not None]
    return Tasks(_methods(defined[name]).union(*inherited), all(base is not None and base.is_whole for base in bases))


def _imports(module: str, tree: ast.Module) -> dict[str, str]:
    """The full dotted name behind each imported local name."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            package = f"{_absolute(module, node)}." if isinstance(node, ast.ImportFrom) else ""
            found.update({alias.asname or alias.name: package + alias.name for alias in node.names})
    return found


def _absolute(module: str, node: ast.ImportFrom) -> str:
    source = _source(module)
    levels = node.level - (source is not None and source.name == "__init__.py")
    parts = module.split(".")
    parents = parts[: len(parts) - levels] if node.level else []
    return ".".join([*parents, *([node.module] if node.module else [])])


def _methods(node: ast.ClassDef) -> frozenset[str]:
    names = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
    for each in node.body:
        if isinstance(each, ast.Assign) and isinstance(each.value, ast.Name | ast.Attribute | ast.Lambda):
            names |= {target.id for target in each.targets if isinstance(target, ast.Name)}
    return frozenset(name for name in names if not name.startswith("_"))


@cache
def _parse(module: str) -> ast.Module | None:
    source = _source(module)
    return ast.parse(source.read_bytes()) if source else None


@cache
def _source(module: str) -> Path | None:
    """The file of a module where the generator finds it; parent packages are not imported either."""
    places: list[str] | None = [str(Path.cwd()), *sys.path]
    spec, name = None, ""
    for part in module.split("."):
        if not part or places is None:
            return None
        name = f"{name}.{part}" if name else part
        spec = importlib.machinery.PathFinder.find_spec(name, places)
        places = list(spec.submodule_search_locations or []) if spec else None
    origin = Path(spec.origin) if spec and spec.origin else None
    return origin if origin and origin.suffix == ".py" else None
