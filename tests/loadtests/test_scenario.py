from pathlib import Path

import pytest

from loadtests import scenario

GOOD = """
name = "own"
description = "of my own"
users = "my.users:Visitor"
duration_s = 30

[data]
users = 10
photos_per_user = 1
follows_per_user = 1

[arrivals.like]
rate = 10
schedule = "poisson"
steps = ["like"]

[budgets]
objectives = ["like"]
"""


def _load(folder: Path, text: str) -> scenario.Scenario:
    file = folder / "own.toml"
    file.write_text(text)
    return scenario.load(str(file))


@pytest.mark.parametrize("path", sorted(scenario.SCENARIOS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_scenario_of_the_repository_is_right_and_named_like_its_file(path: Path) -> None:
    assert scenario.load(path.stem).name == path.stem


def test_a_file_of_ones_own_is_read(tmp_path: Path) -> None:
    own = _load(tmp_path, GOOD)
    assert (own.duration_s, own.arrivals["like"].rate, own.budgets.objectives) == (30, 10, ["like"])


@pytest.mark.parametrize(
    ("wrong", "right", "complaint"),
    [
        ("rate = 10", "rate = 0", r"> 0.*arrivals\[\.\.\.\]\.rate"),
        ("rate = 10", "rate = -1", "> 0"),
        ("rate = 10", "rate = 10\nrete = 3", "unknown field `rete`"),
        ("rate = 10", 'rate = "many"', "Expected `float | null`"),
        ('schedule = "poisson"', 'schedule = "posson"', "Invalid enum value 'posson'"),
        ('objectives = ["like"]', 'objectives = ["lick"]', "'lick' is not in service/objectives.toml"),
        ('objectives = ["like"]', 'objectives = ["feed"]', "no arrival makes the request 'feed'"),
        ('objectives = ["like"]', "objectives = []", "no budget at all"),
        ("duration_s = 30", "duration_s = -30", "> 0"),
        ("duration_s = 30", "duration_s = ", "Invalid value"),
        ('steps = ["like"]', "steps = []", "like: no steps"),
        ("my.users:Visitor", "my.users.Visitor", "module:Class"),
        ("[data]", "[nodata]", "unknown field `nodata`"),
        ('"poisson"', '"ramp"', r"arrivals\.like: schedule 'ramp' needs from_rate"),
        ('"poisson"', '"burst"\nburst_rate = 9\nevery_s = 2\nburst_s = 2', "burst_s must be shorter than every_s"),
        ("[budgets]", "[closed.like]\nusers = 2\n[budgets]", "both arrivals and closed users"),
        ("[budgets]", "[closed.look]\nusers = 2\nsteps = ['like']\n[budgets]", r"closed\.look: needs think_s"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_what_is_wrong(
    tmp_path: Path, wrong: str, right: str, complaint: str
) -> None:
    with pytest.raises(scenario.ScenarioError, match=complaint) as refused:
        _load(tmp_path, GOOD.replace(wrong, right))
    assert "own.toml" in str(refused.value)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(scenario.ScenarioError, match=r"there are .*likes"):
        scenario.load("lykes")


def test_scaling_scales_rates_and_budgets_on_rates() -> None:
    half = scenario.load("likes").scaled(rate=0.5, duration_s=20)
    assert half.arrivals["like"].rate == 45
    assert half.budgets.rates[0].at_least == 45
    assert (half.duration_s, half.rate_factor) == (20, 0.5)
    assert scenario.load("likes").scaled() == scenario.load("likes")


def test_a_budget_that_drops_could_not_show_is_refused(tmp_path: Path) -> None:
    slow = '\n[[budgets.percentiles]]\nname = "slow"\nrequest = "like"\npercentile = 50\nseconds = 60\n'
    with pytest.raises(scenario.ScenarioError, match="longer than every budget"):
        _load(tmp_path, GOOD + slow)


OWN_TARGET = """
name = "own"
description = "somebody's own service"

[target]
url = "http://127.0.0.1:8080"
locustfile = "mine.py"

[arrivals.visits]
rate = 10
schedule = "poisson"

[[budgets.errors]]
name = "errors"
error_ratio = 0.01
request = "/whatever the file asks for"
"""


def test_a_target_of_ones_own_needs_neither_users_nor_data_nor_steps(tmp_path: Path) -> None:
    (tmp_path / "mine.py").touch()
    own = _load(tmp_path, OWN_TARGET)
    assert own.target is not None
    assert own.target.locustfile == str(tmp_path / "mine.py")
    assert own.data is None


@pytest.mark.parametrize(
    ("wrong", "right", "complaint"),
    [
        ("mine.py", "yours.py", "no such file: .*yours.py"),
        ("[target]", 'users = "a:B"\n[target]', "users and .* locustfile exclude each other"),
        ("[target]", '[target]\nmodel = "closed"', r"wants \[closed.NAME\]"),
        (
            "[arrivals.visits]\nrate = 10\nschedule = 'poisson'",
            "[closed.visits]\nusers = 2",
            r"wants \[arrivals.NAME\]",
        ),
    ],
)
def test_a_target_that_cannot_be_driven_as_asked_is_refused(
    tmp_path: Path, wrong: str, right: str, complaint: str
) -> None:
    (tmp_path / "mine.py").touch()
    text = OWN_TARGET.replace('"poisson"', "'poisson'")
    with pytest.raises(scenario.ScenarioError, match=complaint):
        _load(tmp_path, text.replace(wrong, right))
