from pathlib import Path

import pytest

from service import catalog
from service.objectives import ChainObjective, Objective, ObjectivesError, load, load_chains

ROUTE = '[like]\nroute = "PUT /like"\npercentile = 99\nseconds = 0.05\nerror_ratio = 0.01\n'
CHAIN = '[like-to-push]\nchain = "like-to-push"\npercentile = 99\nseconds = 5\n'


def written(directory: Path, text: str) -> Path:
    path = directory / "objectives.toml"
    path.write_text(text)
    return path


def test_routes_and_chains_are_told_apart(tmp_path: Path) -> None:
    path = written(tmp_path, ROUTE + CHAIN)
    assert load(path) == {"like": Objective("like", "PUT /like", 99, 0.05, 0.01)}
    assert load_chains(path) == {"like-to-push": ChainObjective("like-to-push", "like-to-push", 99, 5)}


def test_every_chain_has_its_objective_on_a_bound_of_its_histogram() -> None:
    chains = load_chains()
    assert {objective.chain for objective in chains.values()} == set(catalog.CHAINS)
    assert {objective.seconds for objective in chains.values()} <= set(catalog.CHAIN_BUCKETS)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (ROUTE.replace("percentile = 99\n", ""), r"\[like\] must have exactly"),
        (ROUTE + 'chain = "like-to-push"\n', r"\[like\] must have exactly"),
        (CHAIN.replace("chain", "trail"), r"\[like-to-push\] must have exactly"),
        (ROUTE.replace("99", "100"), r"\[like\] percentile must be a number between 0 and 100, not 100"),
        (CHAIN.replace("= 5", "= true"), r"\[like-to-push\] seconds must be a number between 0 and 3600, not True"),
        ("like = 3\n", r"\[like\] must have exactly"),
    ],
)
def test_what_is_wrong_is_named(text: str, complaint: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ObjectivesError, match=rf"objectives.toml: {complaint}"):
        load_all(path)


def load_all(path: Path) -> None:
    load(path)
    load_chains(path)
