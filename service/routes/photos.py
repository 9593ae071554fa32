"""Uploading photos and looking at them."""

import time
from datetime import UTC, datetime

from flask import Blueprint, Response

from service.domain.photos import Photos
from service.domain.users import Users
from service.routes import answers
from service.routes.answers import PhotoAnswer, UploadAnswer, answer
from service.routes.messages import AskUpload, ConfirmUpload, read, read_id
from service.routes.openapi import operation
from service.routes.tokens import current_session, current_writer


def blueprint(photos: Photos, users: Users) -> Blueprint:
    """POST /uploads, POST /photos, GET /photos/<id>."""
    routes = Blueprint("photos", __name__)

    @routes.post("/uploads")
    @operation("Ask for leave to upload a photo", {201: UploadAnswer}, body=AskUpload)
    def ask_upload() -> Response:
        # It stores nothing that could be read back.
        session = current_session(users)
        asked = photos.ask_upload(session.user_id, read(AskUpload).content_length, datetime.now(UTC))
        return answer(201, answers.upload(asked))

    @routes.post("/photos")
    @operation(
        "Publish an uploaded photo; 200 when it was published before",
        {201: PhotoAnswer, 200: PhotoAnswer},
        body=ConfirmUpload,
        refusals=(404,),
    )
    def confirm_upload() -> Response:
        session = current_writer(users)
        body = read(ConfirmUpload)
        upload_id = read_id(body.upload_id)
        view, new = photos.confirm(session.user_id, upload_id, body.caption, body.share_to, time.time())
        return answer(201 if new else 200, answers.photo(view))

    @routes.get("/photos/<id>")
    @operation("Look at a photo", {200: PhotoAnswer})
    def show_photo(id: str) -> Response:
        current_session(users)
        return answer(200, answers.photo(photos.show(read_id(id))))

    return routes
