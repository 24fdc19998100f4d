"""An hourly run of a mid-size company with nothing new: which requests it makes and why, and what it takes itself."""

from __future__ import annotations

from functools import partial
from typing import Any

from sources.sandbox import Sandbox, start
from tests.bench.bench import Bench, record
from tests.bench.measuring import Run
from tests.bench.replay import replaying
from tests.bench.sections.loads import NAMES
from tests.bench.table import ratio, show

SIZE = 14
"""Of the sandbox: some 5,000 event and 17,000 property definitions; the rest is added."""
SUBSCRIPTIONS, DELIVERIES, COHORTS, COMMENTS = 200, 36_000, 500, 2_000
PROJECTS = (101, 102, 201)
TARGETS = {"duckdb": 3.0, "postgres": 4.0}
RULES = {
    "organizations": "one list",
    "projects": "one list for each organization",
    "organization_members": "one list for each organization: no filter finds 2FA, profile and last login",
    "organization_activity_logs": "one question for each organization: what happened since the last entry",
    "users": "one list",
    "subscriptions": "two lists for each project: living and deleted ones",
    "subscription_deliveries": "none: no next delivery has moved, none is under way, the daily sweep is done",
    "cohorts": "one list for each project",
    "comments": "up to ten pages are read in full: no filter finds an edit",
    "event_definitions": "pages of 1000 for each project: no filter finds an edit",
    "group_types": "one list for each project",
    "property_definitions": "pages of 1000 for each type of each project: no filter finds an edit",
}


def steady(bench: Bench) -> None:
    """Against a server that answers at once, so that nearly all of the time is hogsync's own."""
    with start(size=SIZE) as posthog:
        grow(posthog)
        with replaying(posthog.url) as url:
            for database in bench.options.databases:
                _steady(bench, posthog, url, database)


def _steady(bench: Bench, posthog: Sandbox, url: str, database: str) -> None:
    with bench.warehouse(database) as warehouse:
        sync = partial(_sync, bench, url, posthog.key, warehouse)
        sync()
        sync()
        runs = bench.rounds(
            {
                "hogsync sync, nothing new": sync,
                "import dlt, an empty pipeline.run": partial(bench.contender, "idle", warehouse),
            }
        )
    own, idle = runs.values()
    if database == "duckdb":
        _tell(record(own[-1]))
    show(f"A mid-size company, nothing new, {NAMES[database]}", runs)
    ratio("hogsync ÷ an empty run of dlt", own, idle, TARGETS[database])


def _sync(bench: Bench, url: str, key: str, warehouse: str) -> Run:
    environment = {
        "POSTHOG_HOST": url,
        "POSTHOG_PERSONAL_API_KEY": key,
        "WAREHOUSE_URL": warehouse,
        "HOGSYNC_HASH_KEY": "the hash key of a bench",
        "HOGSYNC_HOME": str(bench.folder / "steady"),
    }
    return bench.python("-m", "hogsync", "sync", "--json", environment=environment)


def _tell(run: dict[str, Any]) -> None:
    """Each table's requests beside the rule that they come from."""
    print("\nRequests of an hourly run with nothing new\n")
    print(f"  {'the key':28}{1:6}   which key it is and what it may do")
    for table in run["tables"]:
        if table["table"] in RULES:
            print(f"  {table['table']:28}{table['requests']:6}   {RULES[table['table']]}")
    print(f"  {'in all':28}{run['requests']:6}")


def grow(posthog: Sandbox) -> None:
    """Bring the sandbox's company to the size that is asked for; nothing is under way in it."""
    rows = posthog.truth()["rows"]
    for table, wanted in {"subscriptions": SUBSCRIPTIONS, "cohorts": COHORTS, "comments": COMMENTS}.items():
        there = [row for row in rows[table] if row["_listed"]]
        for number, project in enumerate(PROJECTS):
            more = len(range(number, max(0, wanted - len(there)), len(PROJECTS)))
            posthog.edit(table, insert=[{}] * more, parents={"project_id": project})
    subscriptions = posthog.rows("subscriptions")
    each = (DELIVERIES - len(rows["subscription_deliveries"])) // len(subscriptions)
    for row in subscriptions:
        parents = {**row["_parents"], "subscription_id": row["id"]}
        posthog.edit("subscription_deliveries", insert=[{"status": "completed"}] * each, parents=parents)
    posthog.edit("subscription_deliveries", where={"status": "starting"}, set={"status": "failed"})
