"""Rules for the load and the target in a scenario file."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path as File
from typing import Any

from likestorm.scenario import tasks
from likestorm.scenario.checking import Problem, say, suggest
from likestorm.scenario.content import is_number, table, tables, texts
from likestorm.scenario.hosts import HostGuard, RefusedError
from likestorm.scenario.tasks import TaskError
from likestorm.scenario.toml_lines import Path
from likestorm.scenario.workload import ALL_SHAPE_KEYS, SHAPE_KEYS


def is_own(content: Mapping[str, Any]) -> bool:
    """Whether the user's own locustfile defines the tasks."""
    return bool(table(content.get("target")).get("locustfile"))


def check_load(content: Mapping[str, Any], origins: Mapping[str, Path], folder: File) -> Iterator[Problem]:
    """Problems of arrivals, closed users, target and user class.

    origins: places of the arrivals that stand for a mix. folder: the file's folder.
    """
    own = is_own(content)
    arrivals, closed = list(tables(content, "arrivals")), list(tables(content, "closed"))
    for path, plan in arrivals:
        if str(path[-1]) not in origins:
            yield from check_schedule(plan, path)
    for path, plan in closed:
        yield from _check_thinking(plan, path, own=own)
    places = {path: origins.get(str(path[-1]), path) for path, _ in [*arrivals, *closed]}
    if not places:
        yield Problem((), "no load: neither [arrivals.NAME] nor [mix.NAME] nor [closed.NAME]")
    for path, plan in [*arrivals, *closed]:
        if not own and plan.get("steps", []) == []:
            yield Problem(places[path], f"{say(places[path])} has no steps, the requests of one arrival")
        if not own and "user" in plan:
            yield Problem((*path, "user"), f"{say(path)}: user goes with [target] locustfile")
    for path, _ in closed:
        if path[-1] in table(content.get("arrivals")):
            yield Problem(path, f"{path[-1]!r} is both arrivals and closed users")
    yield from _check_target(content)
    yield from _check_own(content, folder) if own else _check_users(content, list(places.values()))


def check_schedule(plan: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    """Missing, superfluous and contradictory keys of a schedule; an unknown shape is skipped."""
    shape = plan.get("schedule")
    needed = SHAPE_KEYS.get(shape) if isinstance(shape, str) else None
    if needed is None:
        return
    for key in needed:
        if key not in plan:
            yield Problem((*path, "schedule"), f"{say(path)}: schedule {shape!r} needs {key}")
    for key in sorted(ALL_SHAPE_KEYS & plan.keys() - set(needed)):
        yield Problem((*path, key), f"{say(path)}: schedule {shape!r} has no {key}")
    every_s, burst_s = plan.get("every_s"), plan.get("burst_s")
    if isinstance(every_s, int | float) and isinstance(burst_s, int | float) and burst_s >= every_s:
        yield Problem((*path, "burst_s"), f"{say(path)}: burst_s must be shorter than every_s")


def _check_thinking(plan: Mapping[str, Any], path: Path, *, own: bool) -> Iterator[Problem]:
    think = plan.get("think_s")
    if own and think is not None:
        yield Problem((*path, "think_s"), f"{say(path)}: your own locustfile runs with its own wait_time")
    if not own and think is None:
        yield Problem(path, f"{say(path)} needs think_s = [shortest, longest]")
    if isinstance(think, list) and len(think) == 2 and all(map(is_number, think)) and think[0] > think[1]:
        yield Problem((*path, "think_s"), f"{say(path)}: think_s must be [shortest, longest]")


def _check_target(content: Mapping[str, Any]) -> Iterator[Problem]:
    target = table(content.get("target"))
    url, path = target.get("url"), ("target",) if "target" in content else ()
    if bool(url) == bool(target.get("python")):
        yield Problem(path, "[target] needs either url, or python = 'module:Class'")
    if isinstance(url, str) and url:
        try:
            HostGuard(name for _, name in texts(target.get("allow_hosts"))).check_url(url)
        except RefusedError as error:
            yield Problem(("target", "url"), f"target.url: {error}")


def _check_own(content: Mapping[str, Any], folder: File) -> Iterator[Problem]:
    target = table(content.get("target"))
    path: Path = ("target", "model") if "model" in target else ("target",)
    file = target["locustfile"]
    if isinstance(file, str) and not (folder / file).is_file():
        yield Problem(("target", "locustfile"), f"target.locustfile: no such file: {folder / file}")
    if content.get("users"):
        yield Problem(("users",), "users and [target] locustfile exclude each other")
    open_model = target.get("model", "open") == "open"
    if open_model and not table(content.get("arrivals")):
        yield Problem(path, 'target.model = "open" needs [arrivals.NAME]')
    if not open_model and (table(content.get("arrivals")) or not table(content.get("closed"))):
        yield Problem(path, 'target.model = "closed" needs [closed.NAME] with users, and no [arrivals.NAME]')


def _check_users(content: Mapping[str, Any], places: Collection[Path]) -> Iterator[Problem]:
    """Problems of the user class and its tasks."""
    users = content.get("users", "")
    if not isinstance(users, str):
        return
    module, _, attribute = users.partition(":")
    if not (module and attribute):
        yield Problem(("users",), f"users must be 'module:Class', not {users!r}")
        return
    try:
        found = tasks.find(users)
    except TaskError as error:
        yield Problem(("users",), f"users = {users!r}: {error}")
        return
    for path in places:
        if found.is_whole and path[-1] not in found.names:
            advice = suggest(str(path[-1]), found.names, "it has")
            yield Problem(path, f"{users} has no task {path[-1]!r} for {say(path)}; {advice}")
