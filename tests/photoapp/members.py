"""Members who misbehave, for runs whose verdict is known beforehand."""

import time

from loadtests.photoapp.users.members import Member


class Starving(Member):
    """Takes more of the generator's core than there is, as an expensive task would."""

    abstract = True

    def like(self) -> None:
        super().like()
        end = time.perf_counter() + 0.015
        while time.perf_counter() < end:
            pass


class Forgetful(Member):
    """Never confirms what it uploads: requests that the budgets ask for do not happen."""

    abstract = True

    def upload(self) -> None:
        self.client.get("/healthz", name="upload-ask")
