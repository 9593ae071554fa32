"""Uploading photos and looking at them."""

from datetime import UTC, datetime

from flask import Blueprint, Response

from service.domain.photos import Photos
from service.domain.users import Users
from service.routes.messages import AskUpload, ConfirmUpload, answer, photo, read, read_id, written
from service.routes.tokens import current_user


def blueprint(photos: Photos, users: Users) -> Blueprint:
    """POST /uploads, POST /photos, GET /photos/<id>."""
    routes = Blueprint("photos", __name__)

    @routes.post("/uploads")
    def ask_upload() -> Response:
        user_id = current_user(users)
        upload = photos.ask_upload(user_id, read(AskUpload).content_length, datetime.now(UTC))
        content = {
            "upload_id": str(upload.id),
            "method": "PUT",
            "url": upload.link.url,
            "headers": upload.link.headers,
            "expires_at": written(upload.link.expires_at),
        }
        return answer(201, content)

    @routes.post("/photos")
    def confirm_upload() -> Response:
        user_id = current_user(users)
        body = read(ConfirmUpload)
        view, new = photos.confirm(user_id, read_id(body.upload_id), body.caption)
        return answer(201 if new else 200, photo(view))

    @routes.get("/photos/<id>")
    def show_photo(id: str) -> Response:
        current_user(users)
        return answer(200, photo(photos.show(read_id(id))))

    return routes
