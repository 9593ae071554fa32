"""Objectives are read whole, and a wrong one is refused by name."""

from pathlib import Path

import pytest
from likestorm.scenario.objectives import ChainObjective, Objective, ObjectivesError, load

from service import catalog

ROUTE = '[like]\nroute = "PUT /like"\npercentile = 99\nseconds = 0.05\nerror_ratio = 0.01\n'
CHAIN = '[like-to-push]\nchain = "like-to-push"\npercentile = 99\nseconds = 5\n'


def written(directory: Path, text: str) -> Path:
    path = directory / "objectives.toml"
    path.write_text(text)
    return path


def test_routes_and_chains_are_told_apart(tmp_path: Path) -> None:
    found = load(written(tmp_path, ROUTE + CHAIN))
    assert found.routes == {"like": Objective("like", "PUT /like", 99, 0.05, 0.01)}
    assert found.chains == {"like-to-push": ChainObjective("like-to-push", "like-to-push", 99, 5)}


def test_every_chain_of_the_service_has_its_objective_on_a_bound_of_its_histogram() -> None:
    chains = load(catalog.OBJECTIVES).chains
    assert {objective.chain for objective in chains.values()} == set(catalog.CHAINS)
    assert {objective.seconds for objective in chains.values()} <= set(catalog.CHAIN_BUCKETS)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (ROUTE.replace("percentile = 99\n", ""), "Object missing required field `percentile`"),
        (ROUTE + 'chain = "like-to-push"\n', r"\[like\] needs either route and error_ratio, or chain"),
        (CHAIN.replace("chain =", "trail ="), "Object contains unknown field `trail`"),
        (ROUTE.replace("99", "100"), "Expected `float` < 100.0"),
        (CHAIN.replace("= 5", "= true"), "Expected `float`, got `bool`"),
        ("like = 3\n", "Expected `object`, got `int`"),
    ],
)
def test_what_is_wrong_is_named(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(ObjectivesError, match=rf"objectives.toml: {complaint}"):
        load(written(tmp_path, text))
