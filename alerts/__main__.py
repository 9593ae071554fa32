"""python -m alerts generate | check."""

import argparse
import sys

from alerts import AlertsError, promtool, rules


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; 0 when done, 1 when the rules do not hold, 2 on wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m alerts", description="Prometheus rules and their tests.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("generate", help="write alerts/generated/rules.yaml")
    verbs.add_parser("check", help="have promtool check the rules and run alerts/tests")
    chosen = parser.parse_args(arguments)
    try:
        return _generate() if chosen.verb == "generate" else _check()
    except AlertsError as error:
        print(f"alerts: {error}", file=sys.stderr)
        return 1


def _generate() -> int:
    rules.RULES_FILE.write_text(rules.rules_yaml())
    print(rules.RULES_FILE)
    return 0


def _check() -> int:
    if not rules.RULES_FILE.exists() or rules.RULES_FILE.read_text() != rules.rules_yaml():
        raise AlertsError(f"{rules.RULES_FILE.name} is not what the rules say; run `python -m alerts generate`")
    tests = sorted(rules.TESTS_DIR.glob("*.yaml"))
    promtool.check_rules(rules.RULES_FILE)
    promtool.run_tests(tests)
    print(f"{len(rules.RECORDINGS)} recording rules and {len(rules.ALERTS)} alerts hold, {len(tests)} test files pass")
    return 0


if __name__ == "__main__":
    sys.exit(main())
