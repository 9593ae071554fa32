import os

from compose.memory import measure


def test_a_process_takes_memory_and_one_that_ended_none() -> None:
    measured = measure({"this": os.getpid(), "gone": 2**22 + 1})
    assert 5 < measured["this"] < 2000
    assert measured["gone"] == 0
