"""Django, set up in code: one SQLite file in a temporary folder, no app, no middleware."""

from __future__ import annotations

import logging
from pathlib import Path

import django
from django.conf import settings


def set_up(folder: Path, *, made: bool = False) -> None:
    """Configure Django and make the one table, unless it is `made`; then modules with models can be imported."""
    settings.configure(
        ALLOWED_HOSTS=["*"],
        APPEND_SLASH=False,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(folder / "company.sqlite3"),
                "CONN_MAX_AGE": None,
                "OPTIONS": {
                    "timeout": 30,
                    "transaction_mode": "IMMEDIATE",
                    # A reader sees the company before or after a change, never half of it.
                    "init_command": "PRAGMA journal_mode=wal; PRAGMA synchronous=off;",
                },
            }
        },
        DATA_UPLOAD_MAX_MEMORY_SIZE=None,  # the control interface takes rows of any size
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=["rest_framework"],
        LOGGING_CONFIG=None,
        MIDDLEWARE=[],
        REST_FRAMEWORK={
            "DEFAULT_RENDERER_CLASSES": ["sources.sandbox.api.responses.Json"],
            "EXCEPTION_HANDLER": "sources.sandbox.api.responses.refusal",
            "UNAUTHENTICATED_USER": None,
            "PAGE_SIZE": 100,
        },
        ROOT_URLCONF="sources.sandbox.server.urls",
        SECRET_KEY="the sandbox signs nothing",
        TIME_ZONE="UTC",
        USE_TZ=True,
    )
    django.setup()
    # Refusals are this server's daily work; they stand in the control interface's log.
    logging.getLogger("django").setLevel(logging.CRITICAL)
    from django.db import connection

    from sources.sandbox.models import Record

    if made:
        return
    with connection.schema_editor() as editor:
        editor.create_model(Record)
