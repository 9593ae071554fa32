"""What the corpus asks of the stack."""

from pathlib import Path

from likestorm.scenario import reading

from tests.verify.corpus.stack import BRIEF, write_scenario


def test_the_corpus_s_scenario_is_the_brief_one_with_limits_of_its_own(tmp_path: Path) -> None:
    brief, written = reading.load(str(BRIEF)), reading.load(str(write_scenario(tmp_path)))
    assert written.arrivals == brief.arrivals
    assert (written.limits.scrape_gap_s, written.limits.steal_percent) == (2.5, 50)
    assert written.limits.dispatch_lag_p99_s == brief.limits.dispatch_lag_p99_s == 1.0
