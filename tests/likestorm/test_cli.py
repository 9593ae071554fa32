import pytest
from likestorm.cli import main


@pytest.mark.parametrize("verb", ["run", "worker", "judge", "report", "schema", "compare", "compare-revisions"])
def test_each_verb_says_how_it_is_used(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert f" {verb} [-h]" in capsys.readouterr().out
