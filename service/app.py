"""The web application: connects stores, domain and routes."""

from flask import Flask, has_request_context, request

from service import backends
from service.config import Config
from service.domain.activity import Activity
from service.domain.comments import Comments
from service.domain.devices import Devices
from service.domain.feed import Feed
from service.domain.follows import Follows
from service.domain.likes import Likes
from service.domain.photo_cache import CachedPhotos
from service.domain.photo_views import PhotoViews
from service.domain.photos import Photos
from service.domain.profiles import Profiles
from service.domain.tags import Tags
from service.domain.users import Users
from service.routes import comments, devices, errors, feed, health, likes, openapi, pages, photos, profiles, users
from service.routes.responses import MsgspecProvider, add_private_headers
from service.stores.passwords import Passwords
from service.telemetry import errors as tracking
from service.telemetry import logs
from service.telemetry.http import time_requests
from service.telemetry.metrics import Metrics
from service.telemetry.null_metrics import choose
from service.telemetry.server_timing import tell_timing

LARGEST_BODY = 64 * 1024


def from_env() -> Flask:
    """The application that the environment describes, as gunicorn loads it."""
    config = Config.from_env()
    logs.configure(config.instance)
    tracking.configure(config, find_route)
    backends.make_object_clients(config)
    return create_app(config, choose(config.metrics))


def create_app(config: Config, metrics: Metrics) -> Flask:
    """An application with its own connections; create it after the last fork.

    `app.extensions["likestorm"]` holds its Backends.
    """
    stores = backends.connect(config, metrics)
    app = Flask("likestorm", static_folder=None)
    app.json = MsgspecProvider(app)
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_BODY, PROVIDE_AUTOMATIC_OPTIONS=False)
    # A path with two slashes is unknown, not redirected.
    app.url_map.merge_slashes = False
    app.extensions["likestorm"] = stores
    time_requests(app, metrics)
    app.after_request(add_private_headers)
    _add_routes(app, config, stores)
    errors.register(app)
    if config.server_timing:
        tell_timing(app)
    return app


def find_route() -> str | None:
    """Method and rule of the request that this thread handles, None outside of a request."""
    if has_request_context() and request.url_rule is not None:
        return f"{request.method} {request.url_rule.rule}"
    return None


def _add_routes(app: Flask, config: Config, stores: backends.Backends) -> None:
    cached = CachedPhotos(stores.photos, stores.cache)
    views = PhotoViews(stores.photos, stores.cache, stores.links)
    passwords = Passwords(config.password_memory_kib, config.password_time_cost)
    members = Users(stores.accounts, stores.sessions, passwords, stores.limits)
    album = Photos(
        stores.photos, cached, stores.objects, stores.links, stores.queue, stores.media_map,
        config.upload_max_bytes, config.share_networks,
    )  # fmt: skip
    profile = Profiles(stores.accounts, stores.photos, views)
    follows = Follows(stores.follows, stores.feeds, stores.notifications)
    newest = Feed(stores.feeds, stores.follows, stores.photos, views)
    for routes in (
        users.blueprint(members, config.proxy_hops),
        photos.blueprint(album, members),
        likes.blueprint(Likes(stores.likes, cached, stores.notifications), members),
        comments.blueprint(Comments(stores.comments, cached, stores.notifications), members),
        profiles.blueprint(profile, follows, members),
        feed.blueprint(newest, Tags(stores.tags, views), Activity(stores.activity), members),
        devices.blueprint(Devices(stores.devices), members),
        health.blueprint(stores.pings),
        openapi.blueprint(app),
        pages.blueprint(members, profile, newest, config.proxy_hops, config.cdn_url, config.session_ttl_s),
    ):
        app.register_blueprint(routes)
