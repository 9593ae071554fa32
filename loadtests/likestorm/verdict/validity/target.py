"""Checks of what the target and its Prometheus report: scrapes, request reconciliation and the ledger."""

from likestorm.results.record import Record
from likestorm.results.record.target import HopCount, Reconciliation
from likestorm.results.record.verdict import CheckStatus, ValidityCheck
from likestorm.scenario import Scenario, Target

GAP_INTERVALS = 3
"""Two scrapes may fail in a row at intervals over one second: rates span five intervals."""


def check_scraping(record: Record, scenario: Scenario) -> ValidityCheck:
    """Prometheus is optional; a budget on a missing metric is inconclusive by itself."""
    worst = max(record.scrapes, key=lambda scrape: scrape.longest_gap_s, default=None)
    slow = [scrape.interval_s for scrape in record.scrapes if scrape.interval_s > 1]
    longest_s = max([scenario.limits.scrape_gap_s, *(GAP_INTERVALS * interval for interval in slow)])
    limit = f"no gap over {longest_s:g} s"
    advice = "Prometheus missed samples: look into logs/prometheus.log, and check whether the machine was overloaded."
    if worst is None:
        return ValidityCheck("scraping", limit, "no target was scraped", "noted", advice)
    seen = f"{worst.longest_gap_s:.1f} s at most ({worst.job}/{worst.instance}), {len(record.scrapes)} targets"
    return ValidityCheck("scraping", limit, seen, "ok" if worst.longest_gap_s <= longest_s else "failed", advice)


def check_reconciliation(counted: Reconciliation | None) -> ValidityCheck:
    """Every hop counts the clients' requests; it may also count failed requests, and retries twice."""
    name = "request reconciliation"
    if counted is None or not counted.counts:
        observed = "no counters to compare with"
        return ValidityCheck(
            name, "every hop counts what clients count", observed, "noted", "The target has no counters."
        )
    most = counted.answered + counted.unsure + counted.repeated
    limit = f"{counted.answered}" if most == counted.answered else f"{counted.answered} to {most}"
    few = [each for each in counted.counts if each.count is not None and each.count < counted.answered]
    many = [each for each in counted.counts if each.count is not None and each.count > most]
    is_known = all(each.count is not None for each in counted.counts)
    observed = ", ".join(f"{each.hop} {each.problem if each.count is None else each.count}" for each in counted.counts)
    status: CheckStatus = "failed" if few or many else "ok" if is_known else "unknown"
    return ValidityCheck(name, f"clients {limit} at every hop", observed, status, _advice(few, many))


def _advice(few: list[HopCount], many: list[HopCount]) -> str:
    if few:
        return (
            f"Not every request that clients had answered reached the {few[0].hop}: something before it answers by "
            "itself (a cache, a redirect, another server), or its counters were lost in a restart."
        )
    if many:
        return (
            f"The {many[0].hop} counted requests that this run did not send: keep other clients away from the target "
            "while it runs."
        )
    return "Without the count of a hop, the path of the requests is not known."


def check_ledger(record: Record, target: Target) -> ValidityCheck:
    """Without an audit there is no ledger; with an audit but no acknowledged effect nothing was compared."""
    lost = sum(entry.lost for entry in record.ledger)
    phantom = sum(entry.phantom for entry in record.ledger)
    acknowledged = sum(entry.acknowledged for entry in record.ledger)
    is_expected = record.ledger or target.audit or record.ledger_problem
    status: CheckStatus = (
        "failed" if lost or phantom else "ok" if acknowledged else "unknown" if is_expected else "noted"
    )
    observed = f"lost {lost}, phantom {phantom} of {acknowledged} acknowledged" if record.ledger else "no audit"
    return ValidityCheck(
        "ledger",
        "lost = phantom = 0",
        record.ledger_problem or observed,
        status,
        "What the target acknowledged and what it stored differ: its answers, and so these figures, mean nothing.",
    )
