"""Uploading and showing photos."""

import time
from datetime import UTC, datetime

from flask import Blueprint, Response

from service.domain.photos import Photos
from service.domain.users import Users
from service.routes import responses
from service.routes.auth import current_session, current_writer
from service.routes.openapi import operation
from service.routes.request_schemas import AskUpload, ConfirmUpload, read, read_id
from service.routes.responses import PhotoResponse, UploadResponse, respond


def blueprint(photos: Photos, users: Users) -> Blueprint:
    """POST /uploads, POST /photos, GET /photos/<id>."""
    routes = Blueprint("photos", __name__)

    @routes.post("/uploads")
    @operation("Ask for permission to upload a photo", {201: UploadResponse}, body=AskUpload)
    def ask_upload() -> Response:
        # Not a writer's session: this stores nothing that could be read back.
        session = current_session(users)
        asked = photos.ask_upload(session.user_id, read(AskUpload).content_length, datetime.now(UTC))
        return respond(201, responses.upload(asked))

    @routes.post("/photos")
    @operation(
        "Publish an uploaded photo; 200 when already published",
        {201: PhotoResponse, 200: PhotoResponse},
        body=ConfirmUpload,
        refusals=(404,),
    )
    def confirm_upload() -> Response:
        session = current_writer(users)
        body = read(ConfirmUpload)
        upload_id = read_id(body.upload_id)
        view, new = photos.confirm(session.user_id, upload_id, body.caption, body.share_to, time.time())
        return respond(201 if new else 200, responses.photo(view))

    @routes.get("/photos/<id>")
    @operation("Show a photo", {200: PhotoResponse})
    def show_photo(id: str) -> Response:
        current_session(users)
        return respond(200, responses.photo(photos.show(read_id(id))))

    return routes
