import subprocess
import sys
from pathlib import Path

import pytest
from likestorm.scenario import Scenario, reading

ROOT = Path(__file__).parents[3]

GOOD = """
name = "own"
description = "of my own"
users = "tests.photoapp.members:Starving"
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


def _load(folder: Path, text: str) -> Scenario:
    file = folder / "own.toml"
    file.write_text(text)
    return reading.load(str(file))


def _complaints(folder: Path, text: str) -> list[str]:
    """What is said of a wrong file, without the file's name."""
    with pytest.raises(reading.ScenarioError) as refused:
        _load(folder, text)
    lines = str(refused.value).splitlines()
    assert {line.partition(":")[0] for line in lines} == {str(folder / "own.toml")}
    return [line.partition(":")[2] for line in lines]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "loadtests/photoapp/scenarios").glob("*.toml")), ids=lambda path: path.stem
)
def test_every_scenario_of_the_repository_is_right_and_named_like_its_file(path: Path) -> None:
    assert reading.load(path.stem).name == path.stem


def test_a_file_of_ones_own_is_read(tmp_path: Path) -> None:
    own = _load(tmp_path, GOOD)
    assert (own.duration_s, own.arrivals["like"].rate, [each.name for each in own.budgets.percentiles]) == (
        30,
        10,
        ["like p99"],
    )


@pytest.mark.parametrize(
    ("wrong", "right", "complaints"),
    [
        ("rate = 10", "rate = 0", ["13: arrivals.like.rate must be a number above 0, not 0"]),
        ("rate = 10", "rate = -1", ["13: arrivals.like.rate must be a number above 0, not -1"]),
        ("rate = 10", "rate = inf", ["13: arrivals.like.rate must be a number above 0, not inf"]),
        ("rate = 10", "rate = nan", ["13: arrivals.like.rate must be a number above 0, not nan"]),
        ("rate = 10", "rate = true", ["13: arrivals.like.rate must be a number above 0, not true"]),
        ("rate = 10", 'rate = "many"', ["13: arrivals.like.rate must be a number above 0, not 'many'"]),
        ("rate = 10", "rate = 10\nrete = 3", ["14: unknown key arrivals.like.rete; did you mean 'rate'?"]),
        ("rate = 10", "# no rate", ["14: arrivals.like: schedule 'poisson' needs rate"]),
        (
            'schedule = "poisson"', 'schedule = "posson"',
            ["14: arrivals.like.schedule must be one of burst, constant, poisson, ramp, steps, not 'posson'"],
        ),
        ('steps = ["like"]', "steps = []", ["12: arrivals.like has no steps, the requests of one arrival",
            "18: objective 'like': no arrival makes that request; there are none"]),
        ('steps = ["like"]', 'steps = [\n"like",\n5]', ["17: arrivals.like.steps[2] must be a string, not 5"]),
        ('steps = ["like"]', 'steps = "like"', ["15: arrivals.like.steps must be a list, not 'like'",
            "18: objective 'like': no arrival makes that request; there are none"]),
        ("[arrivals.like]", "[arrivals.lick]", [
            "12: tests.photoapp.members:Starving has no task 'lick' for arrivals.lick; did you mean 'like'?"]),
        ("users = 10", "users = 1.5", ["8: target.data.users must be a whole number from 1, not 1.5"]),
        ("duration_s = 30", "duration_s = -30", ["5: duration_s must be a number above 0, not -30"]),
        ("duration_s = 30", "duration_s = ", ["5: Invalid value"]),
        ('"poisson"', '"ramp"', ["14: arrivals.like: schedule 'ramp' needs from_rate"]),
        ('"poisson"', '"burst"\nburst_rate = 9\nevery_s = 2\nburst_s = 2', [
            "17: arrivals.like: burst_s must be shorter than every_s"]),
        ('"poisson"', '"steps"\nrates = [1, 0, 2]', [
            "13: arrivals.like: schedule 'steps' has no rate",
            "15: arrivals.like.rates[2] must be a number above 0, not 0"]),
        ("[budgets]", "[closed.like]\nusers = 2\nthink_s = [1, 2]\nsteps = ['like']\n[budgets]", [
            "17: 'like' is both arrivals and closed users"]),
        ("[budgets]", "[closed.signup]\nusers = 0\nthink_s = [2, 1]\nsteps = ['signup']\n[budgets]", [
            "18: closed.signup.users must be a whole number from 1, not 0",
            "19: closed.signup: think_s must be [shortest, longest]"]),
        ("[budgets]", "[closed.look]\nusers = 2\nthink_s = 2\n[budgets]", [
            "17: closed.look has no steps, the requests of one arrival",
            "17: tests.photoapp.members:Starving has no task 'look' for closed.look; "
            "it has comment, like, signup, upload, upload_shared",
            "19: closed.look.think_s must be a list of 2, not 2"]),
        ('steps = ["like"]', 'steps = ["like"]\nuser = "Somebody"', [
            "16: arrivals.like: user goes with [target] locustfile"]),
        ("[data]", "[dada]", [
            "7: unknown key dada; known here: arrivals, budgets, capacity, closed, description, drain_s, duration_s, "
            "limits, name, queue_timeout_s, rate_factor, seed, target, users, users_max, warm_up_s"]),
        ("[data]", "[data", ["7: Expected ']' at the end of a table declaration"]),
        ("duration_s = 30", "duration_s = 30\nduration_s = 31", ["6: Cannot overwrite a value"]),
        ('name = "own"', 'nmae = "own"', ["1: name is missing", "2: unknown key nmae; did you mean 'name'?"]),
        ("Starving", "Starved", [
            "4: users = 'tests.photoapp.members:Starved': module 'tests.photoapp.members' has no class 'Starved'"]),
        ("tests.photoapp.members", "my.users", ["4: users = 'my.users:Starving': there is no module 'my.users'"]),
        ("members:Starving", "members.Starving", [
            "4: users must be 'module:Class', not 'tests.photoapp.members.Starving'"]),
        ("[budgets]", "[[budgets]]", ["17: budgets must be a table, not a list"]),
    ],
)  # fmt: skip
def test_each_mistake_is_refused_with_its_line(tmp_path: Path, wrong: str, right: str, complaints: list[str]) -> None:
    assert wrong in GOOD
    assert _complaints(tmp_path, GOOD.replace(wrong, right)) == complaints


@pytest.mark.parametrize(
    ("budgets", "complaints"),
    [
        ('objectives = ["lick"]', ["18: the target has no objective 'lick'; did you mean 'like'?"]),
        ('objectives = ["feed"]', ["18: objective 'feed': no arrival makes that request; there are like"]),
        ("objectives = []", ["17: no budget at all: such a run could only pass"]),
        (
            'chains = [\n"like-to-push",\n"like-to-posh"]',
            ["20: the target has no chain 'like-to-posh'; did you mean 'like-to-push'?"],
        ),
        (
            '[[budgets.rates]]\nname = "r"\narrivals = "likes"\nat_least = 1\ntolerance = 0.1',
            ["20: budget 'r': no arrival is called 'likes'; did you mean 'like'?"],
        ),
        (
            '[[budgets.errors]]\nname = "e"\nrequest = "upload"\nerror_ratio = 2',
            ["20: budget 'e': no arrival makes the request 'upload'; there are like",
             "21: budgets.errors[1].error_ratio must be a number above 0 and below 1, not 2"],
        ),
        (
            '[[budgets.percentiles]]\nname = "slow"\nrequest = "like"\npercentile = 50\nseconds = 60',
            ["22: budget 'slow': queue_timeout_s (10) and drain_s (10) must be longer than every budget, so than 60 s"],
        ),
        (
            '[[budgets.promql]]\nname = "p"\npromql = "up"\n[[budgets.slopes]]\nname = "s"\nper_hour_at_most = 1',
            ["18: budget 'p' needs either at_most or at_least", "21: budget 's' needs either promql or arrivals"],
        ),
        (
            'objectives = ["like"]\nabort_short_s = 40',
            ["19: budgets.abort_short_s must be shorter than budgets.abort_long_s"],
        ),
        (
            'objectives = ["like"]\n[capacity]\narrivals = "lik"\nfactor = 1',
            ["20: capacity: no arrival is called 'lik'; did you mean 'like'?",
             "21: capacity.factor must be a number above 1, not 1"],
        ),
        (
            2 * '[[budgets.errors]]\nname = "same"\nerror_ratio = 0.1\n',
            ["22: two budgets are called 'same'"],
        ),
    ],
)  # fmt: skip
def test_a_budget_on_what_is_not_there_is_refused_with_its_line(
    tmp_path: Path, budgets: str, complaints: list[str]
) -> None:
    assert _complaints(tmp_path, GOOD.replace('objectives = ["like"]', budgets)) == complaints


MIX = """
[mix.all]
rate = 200
schedule = "poisson"
shares = {signup = 0.25, upload = 0.75}
steps = {upload = ["upload-ask", "upload-put"]}
"""


def test_a_mix_stands_for_arrivals_that_share_its_rate(tmp_path: Path) -> None:
    own = _load(tmp_path, GOOD + MIX)
    assert {name: (plan.rate, plan.schedule, plan.steps) for name, plan in own.arrivals.items()} == {
        "like": (10, "poisson", ["like"]),
        "signup": (50, "poisson", ["signup"]),
        "upload": (150, "poisson", ["upload-ask", "upload-put"]),
    }


@pytest.mark.parametrize(
    ("wrong", "right", "complaints"),
    [
        ("0.75", "0.7", ["23: mix.all.shares must add up to 1, not to 0.95"]),
        ("0.75", "-0.75", [
            "23: mix.all.shares must add up to 1, not to -0.5",
            "23: mix.all.shares.upload must be a number above 0 and up to 1, not -0.75",
        ]),
        ("signup", "like", ["23: 'like' is in arrivals already"]),
        ("signup", "feeed", [
            "23: tests.photoapp.members:Starving has no task 'feeed' for mix.all.shares.feeed; "
            "it has comment, like, signup, upload, upload_shared",
        ]),
        ("rate = 200", "rate = 0", ["21: mix.all.rate must be a number above 0, not 0"]),
        ("rate = 200", "rte = 200", [
            "21: unknown key mix.all.rte; did you mean 'rate'?", "22: mix.all: schedule 'poisson' needs rate",
        ]),
        ('{upload = ["upload-ask"', '{uplaod = ["upload-ask"', [
            "24: mix.all.steps.uplaod: no share is called 'uplaod'; did you mean 'upload'?",
        ]),
        ("[mix.all]", "[[mix.all]]", ["20: mix.all must be a table"]),
    ],
)  # fmt: skip
def test_a_mix_that_is_none_is_refused_with_its_line(
    tmp_path: Path, wrong: str, right: str, complaints: list[str]
) -> None:
    assert wrong in MIX
    assert _complaints(tmp_path, GOOD + MIX.replace(wrong, right)) == complaints


def test_an_earlier_name_of_a_key_is_read_and_its_mistakes_have_its_line(tmp_path: Path) -> None:
    assert _load(tmp_path, GOOD.replace("duration_s = 30", "lateness_max_s = 8")).queue_timeout_s == 8
    assert _complaints(tmp_path, GOOD.replace("duration_s = 30", "\nlateness_max_s = 0")) == [
        "6: queue_timeout_s must be a number above 0, not 0"
    ]
    both = GOOD.replace("duration_s = 30", "queue_timeout_s = 8\nlateness_max_s = 9")
    [complaint] = _complaints(tmp_path, both)
    assert complaint.startswith("6: unknown key lateness_max_s")
    path = tmp_path / "own.toml"
    path.write_text(GOOD)
    assert reading.load(str(path), ["lateness_max_s=6"]).queue_timeout_s == 6


def test_all_mistakes_of_a_file_are_reported_at_once_in_its_order(tmp_path: Path) -> None:
    text = GOOD
    for wrong, right in (
        ("duration_s = 30", "duration = 30"), ("users = 10", "users = 0"), ("rate = 10", "rate = 0"),
        ("[arrivals.like]", "[arrivals.licks]"), ('objectives = ["like"]', 'objectives = ["feed"]\nchain = []'),
    ):  # fmt: skip
        text = text.replace(wrong, right)
    assert _complaints(tmp_path, text) == [
        "5: unknown key duration; did you mean 'duration_s'?",
        "8: target.data.users must be a whole number from 1, not 0",
        "12: tests.photoapp.members:Starving has no task 'licks' for arrivals.licks; did you mean 'like'?",
        "13: arrivals.licks.rate must be a number above 0, not 0",
        "18: objective 'feed': no arrival makes that request; there are like",
        "19: unknown key budgets.chain; did you mean 'chains'?",
    ]


def test_a_file_that_is_no_text_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_bytes(b'name = "own"\ndescription = "\xff"\n')
    with pytest.raises(reading.ScenarioError, match=r"own\.toml:2: not UTF-8$"):
        reading.load(str(file))


def test_checking_a_file_does_not_import_locust() -> None:
    check = "import sys; from likestorm.scenario.reading import load; load('likes'); sys.exit('locust' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=False).returncode == 0


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(reading.ScenarioError, match=r"there are .*likes"):
        reading.load("lykes")


def test_scaling_scales_rates_and_budgets_on_rates() -> None:
    half = reading.load("likes").scaled(rate=0.5, duration_s=20)
    assert half.arrivals["like"].rate == 45
    assert half.budgets.rates[0].at_least == 45
    assert (half.duration_s, half.rate_factor) == (20, 0.5)
    assert reading.load("likes").scaled() == reading.load("likes")


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


def test_a_warm_up_becomes_longer_but_never_shorter() -> None:
    likes = reading.load("likes")
    assert likes.warmed(25).warm_up_s == 25
    assert likes.warmed(25).duration_s == 60
    assert likes.warmed(2) == likes


def test_a_target_of_ones_own_needs_neither_users_nor_data_nor_steps(tmp_path: Path) -> None:
    (tmp_path / "mine.py").touch()
    own = _load(tmp_path, OWN_TARGET)
    assert own.target.locustfile == str(tmp_path / "mine.py")
    assert own.users == ""


@pytest.mark.parametrize(
    ("wrong", "right", "complaints"),
    [
        ("127.0.0.1", "192.0.2.1", [
            "6: target.url: load to 192.0.2.1 is refused: it is not loopback; "
            "add it to allow_hosts under [target] to allow it"]),
        ("mine.py", "yours.py", ["7: target.locustfile: no such file: {folder}/yours.py"]),
        ("[target]", 'users = "a:B"\n[target]', ["5: users and [target] locustfile exclude each other"]),
        ("[target]", '[target]\nmodel = "closed"', [
            '6: target.model = "closed" needs [closed.NAME] with users, and no [arrivals.NAME]']),
        ('[arrivals.visits]\nrate = 10\nschedule = "poisson"', "[closed.visits]\nusers = 2\nthink_s = [0, 1]", [
            '5: target.model = "open" needs [arrivals.NAME]',
            "11: closed.visits: your own locustfile runs with its own wait_time"]),
        ('[arrivals.visits]\nrate = 10\nschedule = "poisson"', "", [
            "1: no load: neither [arrivals.NAME] nor [mix.NAME] nor [closed.NAME]",
            '5: target.model = "open" needs [arrivals.NAME]']),
    ],
)  # fmt: skip
def test_a_target_that_cannot_be_driven_as_asked_is_refused_with_its_line(
    tmp_path: Path, wrong: str, right: str, complaints: list[str]
) -> None:
    (tmp_path / "mine.py").touch()
    assert wrong in OWN_TARGET
    expected = [complaint.format(folder=tmp_path) for complaint in complaints]
    assert _complaints(tmp_path, OWN_TARGET.replace(wrong, right)) == expected


def test_a_scenario_with_the_earlier_name_of_its_user_class_is_read(tmp_path: Path) -> None:
    text = GOOD.replace("tests.photoapp.members:Starving", "loadtests.users.members:Member")
    assert _load(tmp_path, text).users == "loadtests.photoapp.users.members:Member"
