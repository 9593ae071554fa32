"""Who asks the scripted server: an arrival of ours, which asks by its number."""

from __future__ import annotations

from likestorm.generator.arrivals import OpenModelUser


class Visitor(OpenModelUser):
    """Asks for its own number; waits for longer than any stall."""

    abstract = True
    network_timeout = 60.0

    def visit(self) -> None:
        """One request."""
        self.client.get(f"/{self.number}", name="visit")
