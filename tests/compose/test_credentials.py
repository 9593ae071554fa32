from compose.credentials import Credentials, service_environment
from compose.topology import named


def test_they_are_new_each_time() -> None:
    assert not set(vars(Credentials()).values()) & set(vars(Credentials()).values())


def test_the_service_reaches_its_database_through_pgbouncer() -> None:
    environment = service_environment(named("small", 8400), Credentials(database="pw", redis="rpw"))
    assert environment["LIKESTORM_DATABASE_URL"] == "postgresql://likestorm:pw@127.0.0.1:8404/likestorm"
    assert environment["LIKESTORM_REDIS_URL"] == "redis://:rpw@127.0.0.1:8406/0"
    assert environment["LIKESTORM_S3_PUBLIC_ENDPOINT"] == "http://127.0.0.1:8408"
