"""Remembers the last run that this machine recorded in each warehouse, to notice a restored backup.

Settings -> run id, in `HOGSYNC_HOME/warehouses.json`. All state that a run needs is in the warehouse, so a machine
with an empty HOGSYNC_HOME continues where another one stopped.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from pipelines.atomic_file import write_atomically
from pipelines.settings import Settings
from sources.posthog.shape.types import digest

FILE = "warehouses.json"

log = logging.getLogger("hogsync")


def last_run(settings: Settings) -> str | None:
    """Return the id of the run that this machine recorded last in the warehouse of the settings, or None."""
    return _noted(settings.home / FILE).get(name(settings))


def remember_run(settings: Settings, run_id: str) -> None:
    """Remember a recorded run. A home that cannot be written is only logged: the next run reports it."""
    file = settings.home / FILE
    try:
        write_atomically(file, json.dumps({**_noted(file), name(settings): run_id}))
    except OSError as error:
        log.debug("%s was not written: %s", file, error.strerror)


def _noted(file: Path) -> dict[str, str]:
    try:
        found = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        log.warning("%s cannot be read and is begun anew.", file)
        return {}
    return {k: v for k, v in found.items() if isinstance(v, str)} if isinstance(found, dict) else {}


def checkpoint_folder(settings: Settings) -> Path:
    """Return the folder for the checkpoints of the warehouse of the settings."""
    return settings.home / "walks" / name(settings)


def name(settings: Settings) -> str:
    """Return a digest that names the warehouse and dataset; a path or an address may be confidential."""
    place = settings.warehouse
    where = os.path.realpath(place.path) if place.kind == "duckdb" else place.label
    return digest([where, settings.dataset])
