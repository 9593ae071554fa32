"""Virtual users of the corpus; the bad ones spoil the measurement from inside of the generator's own process."""

import gc
import time

from gevent.monkey import get_original
from likestorm.generator.arrivals import OpenModelUser
from likestorm.results.ledger import Journal

_real_sleep = get_original("time", "sleep")
_real_time = time.time


class Visitor(OpenModelUser):
    """Saves notes, each with an id of its own, and looks at them."""

    abstract = True

    def save(self) -> None:
        notes = self.journals.setdefault("notes", Journal())
        effect = f"{self.plan.run_id}-{self.number}"
        notes.attempted.add(effect)
        if self.client.post(f"/notes/{effect}", name="save").status_code == 201:
            notes.acknowledged.add(effect)

    def look(self) -> None:
        self.client.get("/notes", name="look")


class Blocking(Visitor):
    """Every 20th save holds the only thread for 0.2 s without computing, as a driver in C would."""

    abstract = True

    def save(self) -> None:
        super().save()
        if self.number % 20 == 0:
            _real_sleep(0.2)


class Hoarding(Visitor):
    """Every 40th save makes the collector walk half a million objects."""

    abstract = True
    hoard: list[list[int]] = []  # noqa: RUF012

    def save(self) -> None:
        super().save()
        if self.number % 40 == 0:
            self.hoard.extend([number] for number in range(500_000 - len(self.hoard)))
            gc.collect()


class Skipping(Visitor):
    """Leaves out the second step of every third walk, which the scenario says it makes."""

    abstract = True

    def walk(self) -> None:
        self.save()
        if self.number % 3:
            self.look()


class Wandering(Visitor):
    """Asks for what no step names."""

    abstract = True

    def look(self) -> None:
        super().look()
        self.client.get("/elsewhere", name="elsewhere")


class Stepping(Visitor):
    """The wall clock jumps by two seconds in mid-run, as this process reads it."""

    abstract = True

    def save(self) -> None:
        super().save()
        if self.number == 60:
            time.time = lambda: _real_time() + 2.0
