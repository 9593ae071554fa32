# type: ignore
# ruff: noqa: F403 (Bugsink's way to extend its settings)
"""Bugsink's settings, filled from the environment; runs in Bugsink's environment, not in the project's."""

import os
from pathlib import Path

from bugsink.settings.default import *
from bugsink.settings.default import DATABASES

_folder = Path(os.environ["BUGSINK_FOLDER"])

SECRET_KEY = os.environ["BUGSINK_SECRET"]
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
DATABASES["default"]["NAME"] = str(_folder / "errors.sqlite3")
DATABASES["snappea"]["NAME"] = str(_folder / "tasks.sqlite3")
# Events are digested within the request: one process is enough, and an accepted event can be read at once.
SNAPPEA = {"TASK_ALWAYS_EAGER": True, "NUM_WORKERS": 1}
BUGSINK = {
    "BASE_URL": os.environ["BUGSINK_URL"],
    "DIGEST_IMMEDIATELY": True,
    "SITE_TITLE": "Likestorm",
    "SINGLE_USER": True,
    "SINGLE_TEAM": True,
    "USER_REGISTRATION": "CB_NOBODY",
    "PHONEHOME": False,
    # A run's error storm must be counted, not refused.
    "MAX_EVENTS_PER_PROJECT_PER_5_MINUTES": 100_000,
    "MAX_EVENTS_PER_5_MINUTES": 100_000,
    "MAX_EVENTS_PER_PROJECT_PER_HOUR": 1_000_000,
    "MAX_EVENTS_PER_HOUR": 1_000_000,
}
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
