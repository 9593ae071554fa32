"""python -m alerts generate | check | mutate."""

import argparse
import sys
from pathlib import Path

from alerts import AlertsError, mutation, promtool, routing, rules, units


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; 0 when done, 1 when the rules do not hold, 2 on wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m alerts", description="Prometheus rules and their tests.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("generate", help="write alerts/generated")
    verbs.add_parser("check", help="check the rules and run alerts/tests with promtool")
    verbs.add_parser("mutate", help="change each rule and see whether the tests fail")
    chosen = parser.parse_args(arguments)
    try:
        return {"generate": _generate, "check": _check, "mutate": _mutate}[chosen.verb]()
    except AlertsError as error:
        print(f"alerts: {error}", file=sys.stderr)
        return 1


def _generated() -> dict[Path, str]:
    """The text of each generated file."""
    return {
        rules.RULES_FILE: rules.to_yaml(rules.document()),
        routing.ROUTING_FILE: rules.to_yaml(routing.document()),
    }


def _generate() -> int:
    for file, text in _generated().items():
        file.write_text(text)
        print(file)
    return 0


def _check() -> int:
    for file, text in _generated().items():
        if not file.exists() or file.read_text() != text:
            raise AlertsError(f"{file.name} differs from the rules; run `python -m alerts generate`")
    tests = units.load(rules.TESTS_DIR)
    promtool.check_rules(rules.RULES_FILE)
    promtool.run_tests(tests, rules.listed())
    print(f"{len(rules.RECORDINGS)} recording rules and {len(rules.ALERTS)} alerts hold, {len(tests)} tests pass")
    return 0


def _mutate() -> int:
    outcome = mutation.run(rules.listed(), units.load(rules.TESTS_DIR), print)
    for survivor in outcome.survivors:
        print(f"survived: {' '.join(survivor.split())}")
    print(f"the tests catch {outcome.caught:.1%} of {outcome.total} mutants; the minimum is {mutation.WANTED:.0%}")
    return 0 if outcome.caught >= mutation.WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
