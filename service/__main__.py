"""The service's commands: python -m service migrate | seed | audit."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from service.config import Config, ConfigError
from service.domain.errors import ServiceError

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
    seed.add_argument("--seed", type=_count_or_none, required=True, help="the same number gives the same population")
    seed.add_argument("--cache", type=Path, required=True, help="where the JPEGs are kept between runs")
    seed.add_argument("--manifest", type=Path, required=True, help="file to write: tokens, photo ids, JPEGs")
    seed.add_argument("--active-users", type=_count, default=2000, help="how many are logged in (2000)")
    seed.set_defaults(command=_seed)

    audit = verbs.add_parser("audit", help="print as JSON what was stored since a moment")
    audit.add_argument("--since", type=_moment, required=True, help="ISO 8601; UTC unless it says otherwise")
    audit.set_defaults(command=_audit)
    return parser


def _migrate(config: Config, _options: argparse.Namespace) -> None:
    from service.admin.migration import migrate

    for name in migrate(config.database_url):
        print(f"applied {name}")


def _seed(config: Config, options: argparse.Namespace) -> None:
    from service.admin.population import Size
    from service.admin.seeding import seed

    size = Size(options.users, options.photos_per_user, options.follows_per_user)
    seed(config, size, options.seed, options.active_users, options.cache, options.manifest)


def _audit(config: Config, options: argparse.Namespace) -> None:
    from service.admin.auditing import audit

    print(json.dumps(audit(config, options.since)))


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
