import pytest
from likestorm.results.ledger import Journal, reconcile


def test_what_was_acknowledged_and_is_stored_leaves_nothing_over() -> None:
    journal = Journal(attempted={"a", "b", "c"}, acknowledged={"a", "b"}, declined={"c"})
    [entry] = reconcile({"likes": journal}, {"likes": ["a", "b"]})
    assert (entry.lost, entry.phantom, entry.indeterminate, entry.residual) == (0, 0, 0, 0)
    assert (entry.attempted, entry.acknowledged, entry.stored) == (3, 2, 2)
    assert entry.examples == {}


def test_sets_are_compared_not_counts() -> None:
    """One lost and one phantom: the counts agree, the sets do not."""
    journal = Journal(attempted={"a"}, acknowledged={"a"})
    [entry] = reconcile({"likes": journal}, {"likes": ["x"]})
    assert (entry.lost, entry.phantom, entry.residual) == (1, 1, 2)
    assert entry.examples == {"lost": ["a"], "phantom": ["x"]}


def test_an_effect_without_an_answer_may_be_stored_or_not() -> None:
    journal = Journal(attempted={"a", "b"})
    [entry] = reconcile({"likes": journal}, {"likes": ["a"]})
    assert (entry.indeterminate, entry.residual) == (2, 0)


def test_a_declined_effect_that_is_stored_all_the_same_is_no_phantom_of_nobody() -> None:
    journal = Journal(attempted={"a"}, declined={"a"})
    [entry] = reconcile({"likes": journal}, {"likes": ["a"]})
    assert entry.residual == 0


def test_an_audit_that_lacks_a_set_is_refused() -> None:
    with pytest.raises(KeyError, match="likes"):
        reconcile({"likes": Journal()}, {"photos": []})


def test_what_is_stored_twice_is_a_phantom_once() -> None:
    journal = Journal(attempted={"a", "b"}, acknowledged={"a", "b"})
    [entry] = reconcile({"likes": journal}, {"likes": ["a", "b", "a"]})
    assert (entry.lost, entry.phantom, entry.stored, entry.residual) == (0, 1, 3, 1)
    assert entry.examples == {"phantom": ["a"]}
