"""An hourly run of all default tables of thirty projects with nothing new: with the audit log's word, and without."""

from __future__ import annotations

from functools import partial
from typing import Any

from sources.posthog.catalogue import DEFAULT_TABLES, ENDPOINTS
from sources.sandbox import Sandbox, start
from tests.bench.bench import Bench, record
from tests.bench.measuring import Run
from tests.bench.replay import replaying
from tests.bench.sections.loads import NAMES
from tests.bench.table import held, show

PROJECTS = 30
EDITED_BY_PEOPLE = ("cohorts", "feature_flags", "insights", "dashboards", "surveys", "annotations")
ROWS = 3
MOST_A_PROJECT = 10
"""Requests of an hourly run for each project: definitions, group types, and what else nothing announces."""


def catalogue(bench: Bench) -> None:
    """Against a server that answers at once."""
    with start(size=1) as posthog:
        grow(posthog)
        with replaying(posthog.url) as url:
            for database in bench.options.databases:
                _idle(bench, posthog, url, database)


def _idle(bench: Bench, posthog: Sandbox, url: str, database: str) -> None:
    with bench.warehouse(database) as heard, bench.warehouse(database) as unheard:
        always = partial(_sync, bench, url, posthog.key, heard, "always")
        never = partial(_sync, bench, url, posthog.key, unheard, "never")
        for sync in (always, never) * 2:
            sync()
        runs = bench.rounds(
            {"nothing new, announcements = always": always, "nothing new, announcements = never": never}
        )
    show(f"{len(DEFAULT_TABLES)} tables of {PROJECTS} projects, nothing new, {NAMES[database]}", runs)
    for name, ended in runs.items():
        run = record(ended[-1])
        print(f"  {name}: {run['requests']} requests, of which {_below_projects(run)} below projects")
    with_word = _below_projects(record(runs["nothing new, announcements = always"][-1]))
    held("requests for each project", with_word / PROJECTS, MOST_A_PROJECT)


def _below_projects(run: dict[str, Any]) -> int:
    return sum(
        table["requests"]
        for table in run["tables"]
        if table["table"] in ENDPOINTS and "project_id" in ENDPOINTS[table["table"]].placeholders
    )


def _sync(bench: Bench, url: str, key: str, warehouse: str, announcements: str) -> Run:
    environment = {
        "POSTHOG_HOST": url,
        "POSTHOG_PERSONAL_API_KEY": key,
        "WAREHOUSE_URL": warehouse,
        "HOGSYNC_HASH_KEY": "the hash key of a bench",
        "HOGSYNC_HOME": str(bench.folder / f"catalogue {announcements}"),
        "HOGSYNC_LISTS__ANNOUNCEMENTS": announcements,
    }
    return bench.python("-m", "hogsync", "sync", "--json", environment=environment)


def grow(posthog: Sandbox) -> None:
    """Found projects until there are thirty, each with some objects; no report, export or source is in them."""
    there = len(posthog.rows("projects"))
    posthog.edit("projects", insert=[{}] * (PROJECTS - there))
    projects = [row["id"] for row in posthog.rows("projects")]
    for project in projects[there:]:
        for table in EDITED_BY_PEOPLE:
            posthog.edit(table, insert=[{}] * ROWS, parents={"project_id": project})
