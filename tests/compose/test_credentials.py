from compose.credentials import Credentials


def test_they_are_new_each_time() -> None:
    assert not set(vars(Credentials()).values()) & set(vars(Credentials()).values())
