"""The devices on which users are told of things."""

from flask import Blueprint, Response

from service.domain.devices import Devices
from service.domain.users import Users
from service.routes.answers import answer_nothing
from service.routes.messages import RegisterDevice, read
from service.routes.openapi import operation
from service.routes.tokens import current_writer


def blueprint(devices: Devices, users: Users) -> Blueprint:
    """POST /devices, DELETE /devices/<token>."""
    routes = Blueprint("devices", __name__)

    @routes.post("/devices")
    @operation("Register a device for pushes; may be repeated", {204: None}, body=RegisterDevice)
    def register() -> Response:
        session = current_writer(users)
        devices.add(session.user_id, read(RegisterDevice).token)
        return answer_nothing()

    @routes.delete("/devices/<token>")
    @operation("Send a device no more pushes, as when its user logs out", {204: None}, refusals=(400,))
    def forget(token: str) -> Response:
        devices.remove(current_writer(users).user_id, token)
        return answer_nothing()

    return routes
