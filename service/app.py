"""The web application: stores, domain and routes are put together here."""

from flask import Flask

from service import backends
from service.config import Config
from service.domain.feed import Feed
from service.domain.likes import Likes
from service.domain.lookup import PhotoLookup
from service.domain.photos import Photos
from service.domain.users import Users
from service.routes import errors, feed, health, likes, photos, users
from service.stores.passwords import Passwords
from service.telemetry import logs
from service.telemetry.http import time_requests
from service.telemetry.metrics import Metrics

LARGEST_BODY = 64 * 1024


def from_env() -> Flask:
    """The application that the environment describes; what gunicorn loads."""
    config = Config.from_env()
    logs.configure(config.instance)
    return create_app(config, Metrics())


def create_app(config: Config, metrics: Metrics) -> Flask:
    """An application with connections of its own, so make it after the last fork.

    `app.extensions["likestorm"]` holds its Backends.
    """
    stores = backends.connect(config, metrics)
    lookup = PhotoLookup(stores.photos, stores.cache)
    members = Users(stores.accounts, stores.sessions, Passwords(config.password_memory_kib, config.password_time_cost))
    album = Photos(stores.photos, lookup, stores.objects, stores.links, stores.queue, config.upload_max_bytes)

    app = Flask("likestorm", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_BODY, PROVIDE_AUTOMATIC_OPTIONS=False)
    # A path with two slashes is an unknown one, not a redirect.
    app.url_map.merge_slashes = False
    app.extensions["likestorm"] = stores
    app.register_blueprint(users.blueprint(members))
    app.register_blueprint(photos.blueprint(album, members))
    app.register_blueprint(likes.blueprint(Likes(stores.likes, lookup), members))
    app.register_blueprint(feed.blueprint(Feed(stores.feed, stores.links), members))
    app.register_blueprint(health.blueprint(stores.pings))
    errors.register(app)
    time_requests(app, metrics)
    return app
