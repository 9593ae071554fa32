"""The yardstick of a like: a Flask route that does one INSERT through the same PgBouncer, and nothing else."""

from __future__ import annotations

import os

import psycopg
from flask import Flask, Response
from psycopg_pool import ConnectionPool

URL = "BARE_DATABASE_URL"
TABLE = "CREATE TABLE IF NOT EXISTS bare_likes (id bigserial PRIMARY KEY, photo_id bigint, user_id bigint)"


def prepare(url: str) -> None:
    """Make the table."""
    with psycopg.connect(url, prepare_threshold=None) as connection:
        connection.execute(TABLE)


def create_app() -> Flask:
    """The application, on the database that BARE_DATABASE_URL names; what gunicorn loads."""
    app = Flask("bare", static_folder=None)
    settings = {"autocommit": True, "prepare_threshold": None}
    pool = ConnectionPool(os.environ[URL], kwargs=settings, min_size=1, max_size=8, open=True)

    @app.put("/likes/<int:photo>/<int:user>")
    def like(photo: int, user: int) -> Response:
        with pool.connection() as connection:
            connection.execute("INSERT INTO bare_likes (photo_id, user_id) VALUES (%s, %s)", (photo, user))
        return Response(b"{}", 201, content_type="application/json")

    return app
