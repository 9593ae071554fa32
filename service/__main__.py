"""The service's commands: python -m service migrate | seed | audit | move-shard | rebuild | dead-letters."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from service.catalog import QUEUES
from service.config import Config, ConfigError
from service.domain.errors import ServiceError

if TYPE_CHECKING:
    from service.admin.dead_letters import DeadLetters

Command = Callable[[Config, argparse.Namespace], None]


def main(arguments: list[str]) -> int:
    """Run one command; the exit status: 0 done, 1 failed, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        command(Config.from_env(), options)
    except ConfigError as error:
        print(f"service: {error}", file=sys.stderr)
        return 2
    except (ServiceError, OSError) as error:
        print(f"service {options.verb}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m service", description="Commands around the service.")
    verbs = parser.add_subparsers(dest="verb", required=True)

    migrate = verbs.add_parser("migrate", help="bring the schema up to date")
    migrate.set_defaults(command=_migrate)

    seed = verbs.add_parser("seed", help="empty every store and load a population")
    seed.add_argument("--users", type=_count, required=True)
    seed.add_argument("--photos-per-user", type=_count, required=True)
    seed.add_argument("--follows-per-user", type=_count_or_none, required=True)
    seed.add_argument("--likes-per-photo", type=_count_or_none, default=2, help="on average (2)")
    seed.add_argument("--seed", type=_count_or_none, required=True, help="the same number gives the same population")
    seed.add_argument("--cache", type=Path, required=True, help="where the JPEGs are kept between runs")
    seed.add_argument("--manifest", type=Path, required=True, help="file to write: tokens, photo ids, JPEGs")
    seed.add_argument("--active-users", type=_count, default=2000, help="how many are logged in (2000)")
    seed.set_defaults(command=_seed)

    audit = verbs.add_parser("audit", help="print as JSON what was stored since a moment")
    audit.add_argument("--since", type=_moment, required=True, help="ISO 8601; UTC unless it says otherwise")
    audit.set_defaults(command=_audit)

    move = verbs.add_parser("move-shard", help="move a logical shard to another primary; its writers wait meanwhile")
    move.add_argument("shard", type=_count_or_none)
    move.add_argument("server", help="the primary's name in the shard map")
    move.set_defaults(command=_move_shard)

    rebuild = verbs.add_parser("rebuild", help="fill Redis's media map from PostgreSQL")
    rebuild.set_defaults(command=_rebuild)

    letters = verbs.add_parser("dead-letters", help="jobs that failed for good").add_subparsers(required=True)
    listing = letters.add_parser("list", help="show them, of one queue or of all")
    listing.add_argument("queue", nargs="?", choices=QUEUES)
    listing.set_defaults(command=_list_dead_letters)
    requeue = letters.add_parser("requeue", help="try some again, or --all of a queue")
    requeue.add_argument("queue", choices=QUEUES)
    chosen = requeue.add_mutually_exclusive_group(required=True)
    chosen.add_argument("jobs", nargs="*", default=[], metavar="JOB")
    chosen.add_argument("--all", action="store_true")
    requeue.set_defaults(command=_requeue_dead_letters)
    return parser


def _migrate(config: Config, _options: argparse.Namespace) -> None:
    from service.admin.migration import migrate

    for name, shards in migrate(config.shards).items():
        print(f"applied {name} to {shards} shards")


def _seed(config: Config, options: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from service.admin.seed.loading import seed
    from service.admin.seed.population import Size

    size = Size(options.users, options.photos_per_user, options.follows_per_user, options.likes_per_photo)
    console = Console(stderr=True)
    columns = (TextColumn("seeding users"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=size.users)
        loaded = seed(
            config, size, options.seed, options.active_users, options.cache, options.manifest,
            lambda users: bar.advance(task, users),
        )  # fmt: skip
    tables = ", ".join(f"{count:,} {table}" for table, count in loaded.rows.items())
    rows = loaded.rows.total()
    print(f"{tables}: {rows:,} rows in {loaded.seconds:.1f} s, {rows / loaded.seconds:,.0f} rows/s")


def _audit(config: Config, options: argparse.Namespace) -> None:
    from service.admin.auditing import audit

    print(json.dumps(audit(config, options.since)))


def _rebuild(config: Config, _options: argparse.Namespace) -> None:
    from service.admin.rebuilding import rebuild

    def show(entries: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{entries:,} owners", end="", file=sys.stderr, flush=True)

    rebuilt = rebuild(config, show)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    rate = rebuilt.entries / rebuilt.seconds
    print(f"media map: {rebuilt.entries:,} owners in {rebuilt.seconds:.1f} s, {rate:,.0f}/s")
    if rebuilt.too_small:
        print("the map is laid out for fewer: raise LIKESTORM_MEDIA_MAP_BUCKETS (media_map_entries of the topology)")


def _list_dead_letters(config: Config, options: argparse.Namespace) -> None:
    found = _dead_letters(config).find(options.queue)
    if not found:
        print("no dead letters")
    for letter in found:
        moment = f"{letter.failed_at:%Y-%m-%dT%H:%M:%SZ}" if letter.failed_at else "-"
        print(f"{letter.queue:11}{letter.job_id:32} {moment:21} {letter.call}\n{'':11}{letter.error}")


def _requeue_dead_letters(config: Config, options: argparse.Namespace) -> None:
    for job_id in _dead_letters(config).requeue(options.queue, None if options.all else options.jobs):
        print(f"requeued {job_id}")


def _dead_letters(config: Config) -> "DeadLetters":
    from service.admin.dead_letters import DeadLetters
    from service.stores.redis import connect_redis

    return DeadLetters(connect_redis(config.redis_url, config.backend_timeout_s))


def _move_shard(config: Config, options: argparse.Namespace) -> None:
    from service.admin.moving import move

    moved = move(config.shards, options.shard, options.server, lambda step: print(step, flush=True))
    if moved is None:
        print(f"shard {options.shard} is on {options.server} already")
    else:
        print(
            f"moved shard {options.shard} from {moved.source} to {options.server}: {moved.rows:,} rows; "
            f"writers waited for up to {moved.locked_s:.2f} s"
        )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 10**9):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def _count_or_none(text: str) -> int:
    return 0 if text == "0" else _count(text)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no moment in ISO 8601") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
