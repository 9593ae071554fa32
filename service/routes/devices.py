"""The devices that receive a user's pushes."""

from flask import Blueprint, Response

from service.domain.devices import Devices
from service.domain.users import Users
from service.routes.auth import current_writer
from service.routes.openapi import operation
from service.routes.request_schemas import RegisterDevice, read
from service.routes.responses import respond_empty


def blueprint(devices: Devices, users: Users) -> Blueprint:
    """POST /devices, DELETE /devices/<token>."""
    routes = Blueprint("devices", __name__)

    @routes.post("/devices")
    @operation("Register a device for pushes; may be repeated", {204: None}, body=RegisterDevice)
    def register() -> Response:
        session = current_writer(users)
        devices.add(session.user_id, read(RegisterDevice).token)
        return respond_empty()

    @routes.delete("/devices/<token>")
    @operation("Unregister a device, as when its user logs out", {204: None}, refusals=(400,))
    def forget(token: str) -> Response:
        devices.remove(current_writer(users).user_id, token)
        return respond_empty()

    return routes
