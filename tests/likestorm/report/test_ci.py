"""Annotations at the lines of budgets, the step's summary, the record's schema, and the workflow of this repository."""

import json
import re
import shlex
from pathlib import Path

import jsonschema
import pytest
import yaml
from likestorm.report import ci, summary
from likestorm.results.record import Record, document
from likestorm.results.record.verdict import BudgetResult, Verdict

from tests.likestorm import records

ROOT = Path(__file__).parents[3]
LIKES = ROOT / "loadtests/photoapp/scenarios/likes.toml"
WORKFLOW = ROOT / ".github/workflows/likestorm.yml"
ACTIONS = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(ROOT)}


def _marks(broken: Record, source: Path | None = LIKES) -> list[str]:
    assert broken.verdict is not None
    return ci.announce(broken, broken.verdict, source, ACTIONS)


def _line(file: Path, number: int) -> str:
    return file.read_text().splitlines()[number - 1]


def test_each_budget_has_a_line_that_names_it() -> None:
    found = ci.locate(LIKES)
    verdict = records.passing().verdict
    assert verdict is not None
    for budget in verdict.budgets:
        line = ci.line_of(found, budget.name)
        assert line is not None
        if f'name = "{budget.name}"' not in _line(LIKES, line + 1):
            promised = _line(LIKES, line)
            assert promised.startswith(("objectives = ", "chains = "))
            assert f'"{budget.name.split()[0]}"' in promised


def test_a_broken_budget_is_an_error_at_its_line() -> None:
    marks = _marks(records.breach())
    lines = LIKES.read_text().splitlines()
    number = lines.index('name = "errors, all requests"')
    place = "::error file=loadtests/photoapp/scenarios/likes.toml,line="
    assert f"{place}{number},title=Budget broken%3A errors%2C all requests::" in (
        "".join(mark[: mark.index("observed")] for mark in marks)
    )
    number = lines.index('objectives = ["like", "upload-ask", "upload-confirm"]') + 1
    [like] = [mark for mark in marks if "like p99" in mark]
    assert like.startswith(f"{place}{number},title=Budget broken%3A like p99::observed 152 ms")
    assert "95 %25 interval" in like
    assert len(marks) == 3


def test_an_invalid_run_is_marked_before_its_budgets_and_an_open_one_is_a_warning() -> None:
    assert _marks(records.invalid())[0].startswith(
        "::error title=Invalid measurement%3A dispatch lag p99::was 61.00 ms"
    )
    assert all(mark.startswith("::warning file=") for mark in _marks(records.inconclusive()))


def test_without_a_file_there_are_no_lines() -> None:
    marks = _marks(records.breach(), None)
    assert [mark.startswith("::error title=Budget broken") for mark in marks] == [True] * 3


def test_outside_of_github_nothing_is_printed_and_the_summary_is_appended(tmp_path: Path) -> None:
    step = tmp_path / "summary"
    step.write_text("before\n")
    run = records.breach()
    assert run.verdict is not None
    assert ci.announce(run, run.verdict, LIKES, {"GITHUB_STEP_SUMMARY": str(step)}) == []
    assert step.read_text() == "before\n" + summary.render(run, run.verdict)
    assert ci.announce(run, run.verdict, LIKES, {}) == []


def test_characters_that_a_command_cannot_contain_are_escaped() -> None:
    evil = BudgetResult("a\n::error::b", "at most", 1, "short", 2, 2, 2, 1, "broken", "100 %\r\nof it")
    [mark] = ci.annotate(Verdict("breach", 99, "", [evil], []), "", {})
    assert "\n" not in mark
    assert mark.startswith("::error title=Budget broken%3A a%0A%3A%3Aerror%3A%3Ab::observed 2")
    assert mark.endswith("100 %25%0D%0Aof it")


def test_the_schema_in_the_repository_is_the_record_s() -> None:
    assert (ROOT / "loadtests/likestorm/results/record.schema.json").read_text() == document.describe()


@pytest.mark.parametrize("make", [records.passing, records.breach, records.invalid, records.inconclusive])
def test_records_keep_to_their_schema(make: object, tmp_path: Path) -> None:
    document.save(make(), tmp_path / "record.json")  # type: ignore[operator]
    schema = json.loads((ROOT / "loadtests/likestorm/results/record.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    saved = json.loads((tmp_path / "record.json").read_text())
    jsonschema.validate(saved, schema)
    del saved["load"]
    with pytest.raises(jsonschema.ValidationError, match="'load' is a required property"):
        jsonschema.validate(saved, schema)


def test_the_workflow_reports_the_run_s_own_status_and_keeps_its_folder() -> None:
    [job] = yaml.safe_load(WORKFLOW.read_text())["jobs"].values()
    steps = {step.get("name", step.get("uses")): step for step in job["steps"]}
    command = shlex.split(steps["run"]["run"])
    assert command[:4] == [".venv/bin/python", "-m", "likestorm", "run"]
    assert not {"|", "||", ";", "&&"} & set(command)
    assert not steps["run"].get("continue-on-error")
    kept = steps["keep the run"]
    assert (kept["if"], kept["with"]["path"]) == ("always()", command[command.index("--out") + 1])
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"]) for step in job["steps"] if "uses" in step)
