"""The virtual user that loads the scripted server: an arrival requests the path of its number."""

from __future__ import annotations

from likestorm.generator.arrivals import OpenModelUser


class Visitor(OpenModelUser):
    """A user whose timeout is longer than any stall."""

    abstract = True
    network_timeout = 60.0

    def visit(self) -> None:
        """Request the path of the arrival's number."""
        self.client.get(f"/{self.number}", name="visit")
