"""Virtual users for tests of the generator, whose processes import them by name."""

import time

from likestorm.generator.arrivals import OpenModelUser
from likestorm.results.ledger import Journal


class Visitor(OpenModelUser):
    """A user whose requests to the scripted server succeed, fail or hang."""

    abstract = True
    network_timeout = 3.0

    def visit(self) -> None:
        self.client.get("/", name="visit")

    def look(self) -> None:
        self.client.get("/", name="look")

    def fail(self) -> None:
        self.client.get("/500", name="fail")

    def crash(self) -> None:
        self.client.get("/", name="crash")
        raise ValueError("the task itself is broken")

    def hang(self) -> None:
        self.client.get("/hang", name="hang")

    def inquire(self) -> None:
        self.client.get("/timed", name="timed")
        self.client.get("/", name="untimed")

    def walk(self) -> None:
        self.client.get("/", name="first")
        self.client.get("/slow", name="second")

    def burn(self) -> None:
        """Block the event loop, as an expensive task or a stolen core does."""
        self.client.get("/", name="burn")
        end = time.perf_counter() + 0.03
        while time.perf_counter() < end:
            pass


class Diarist(OpenModelUser):
    """A user that keeps a journal."""

    abstract = True

    def note(self) -> None:
        notes = self.journals.setdefault("notes", Journal())
        notes.attempted.add(str(self.number))
        if self.client.get("/", name="note").status_code == 200:
            notes.acknowledged.add(str(self.number))
