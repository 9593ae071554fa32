from compose.credentials import Credentials, scram_secret


def test_they_are_new_each_time() -> None:
    assert not set(vars(Credentials()).values()) & set(vars(Credentials()).values())


def test_what_is_kept_of_a_password_does_not_hold_it() -> None:
    secret = scram_secret("password", "salt")
    assert secret.startswith("SCRAM-SHA-256$1:c2FsdA==$")
    assert "password" not in secret
    assert secret == scram_secret("password", "salt")
    assert len({secret, scram_secret("passwore", "salt"), scram_secret("password", "sald")}) == 3
