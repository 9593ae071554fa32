# type: ignore
"""Makes Bugsink's database, its user, its one project and the token that reads it, then serves.

Runs in Bugsink's environment: `python prepare.py HOST:PORT`; BUGSINK_… in the environment says the rest.
"""

import os
import sys

import django
from django.core.management import call_command


def main(address):
    os.environ["DJANGO_SETTINGS_MODULE"] = "bugsink_conf"
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("migrate", database="snappea", verbosity=0)
    _furnish()
    # In this process, since its command line identifies the part.
    arguments = ("--bind", address, "--workers", "1", "--threads", "4", "--no-control-socket", "--log-level", "warning")
    sys.argv = ["gunicorn", *arguments, "bugsink.wsgi"]
    from gunicorn.app.wsgiapp import run

    run()


def _furnish():
    from bsmain.models import AuthToken
    from django.contrib.auth import get_user_model
    from projects.models import Project

    users = get_user_model().objects
    if not users.filter(username="likestorm").exists():
        users.create_superuser("likestorm", password=os.environ["BUGSINK_PASSWORD"])
    Project.objects.get_or_create(name="likestorm", defaults={"sentry_key": os.environ["BUGSINK_KEY"]})
    AuthToken.objects.get_or_create(
        token=os.environ["BUGSINK_TOKEN"], defaults={"description": "the reports of runs", "issues_read": True}
    )


if __name__ == "__main__":
    main(sys.argv[1])
