"""Changes to a company that touch whatever a load can tear; each gives the edits that take it back.

Rows that are born or return stay: in which shape they were last seen would be the dying sync's secret.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sources.sandbox import Sandbox

Edit = dict[str, Any]
Row = dict[str, Any]
PROJECT = 101
BELOW = {"project_id": PROJECT}
EVENTS, COHORTS, DELIVERIES = "event_definitions", "cohorts", "subscription_deliveries"
_steps = count(1)


def own(posthog: Sandbox, table: str) -> list[Row]:
    """The project's rows, in an order that stays."""
    rows = [row for row in posthog.rows(table) if row["_parents"]["project_id"] == PROJECT and row["_listed"]]
    return sorted(rows, key=lambda row: str(row.get("name", row["id"])))


def kept_small(company: Sandbox) -> str:
    """The name under which a small company is kept."""
    company.rewind()
    shrink(company)
    company.keep("small")
    return "small"


def shrink(posthog: Sandbox) -> None:
    """Make the project small enough for many syncs."""
    for row in own(posthog, EVENTS)[40:]:
        posthog.edit(EVENTS, where={"name": row["name"]}, parents=BELOW, delete=True)
    deliveries = own(posthog, DELIVERIES)
    sizes = {row["subscription"]: 0 for row in deliveries}
    for row in deliveries:
        sizes[row["subscription"]] += 1
    for ident in sorted(sizes, key=lambda ident: sizes[ident])[3:]:
        posthog.edit("subscriptions", where={"id": ident}, parents=BELOW, delete=True)
        posthog.edit(DELIVERIES, where={"subscription": ident}, parents=BELOW, delete=True)


def isolate(posthog: Sandbox) -> None:
    """Take away what is read for no story, which only makes the truth longer."""
    others = {row["id"] for row in posthog.rows("projects")} - {PROJECT}
    for table in ("property_definitions", "comments", "organization_activity_logs"):
        posthog.clear(table)
    for project in others:
        for table in (EVENTS, COHORTS, "subscriptions", DELIVERIES):
            posthog.clear(table, project=project)


def definitions(posthog: Sandbox) -> list[Edit]:
    """Rows, the lists in them and a person change; rows with lists are born, end and return."""
    step = next(_steps)
    events, cohorts = own(posthog, EVENTS), own(posthog, COHORTS)
    person = next(who for row in events if (who := row.get("updated_by") or row.get("owner")))
    said = {"description": f"step {step}"}
    members = [1, 2, 3][: 1 + step % 3]
    undo: list[Edit] = []
    edits: list[tuple[str, str, Row, Row]] = [
        (EVENTS, "name", events[0], {**said, "tags": ["a", "b", f"{step}"]}),
        (EVENTS, "name", events[1], {"tags": [] if events[1]["tags"] else ["c", "d"]}),
        (COHORTS, "id", cohorts[0], {**said, "experiment_set": members}),
        ("users", "id", person, {"last_name": f"Changed {step}"}),
    ]
    for table, key, row, fields in edits:
        where: Edit = {"table": table, "where": {key: row[key]}, "parents": {} if table == "users" else BELOW}
        posthog.edit(**where, set=fields)
        undo.append({**where, "set": {name: row[name] for name in fields}})
    for at, there in ((step, True), (step - 1, False), (step - 2, True)):  # born, ends, returns
        for table, row in _passing(at):
            exists(posthog, table, row, there=there)
            undo += [] if there else existing(table, row, there=True)
    return undo


def _passing(step: int) -> list[tuple[str, Row]]:
    named = f"step {step:03}"
    cohort = {"id": 900_000 + step, "name": named, "experiment_set": [step, step + 1]}
    return [(EVENTS, {"name": named, "tags": ["x", "y"]}), (COHORTS, cohort)]


def exists(posthog: Sandbox, table: str, row: Row, *, there: bool) -> None:
    """From now on the row is there, or not."""
    for edit in existing(table, row, there=there):
        posthog.edit(**edit)


def existing(table: str, row: Row, *, there: bool) -> list[Edit]:
    """The edits after which the row is there, or not, whatever was before."""
    key = "name" if table == EVENTS else "id"
    gone = {"table": table, "where": {key: row[key]}, "parents": BELOW, "delete": True}
    return [gone, *([{"table": table, "insert": [row], "parents": BELOW}] * there)]


def deliveries(posthog: Sandbox) -> list[Edit]:
    """The delivery that is under way fails, the next one begins. A stream sees nothing that is taken back."""
    step, there = next(_steps), own(posthog, DELIVERIES)
    last = max(there, key=lambda row: datetime.fromisoformat(row["created_at"]))
    begun = datetime.fromisoformat(last["created_at"]) + timedelta(minutes=1)
    ended = {"status": "failed", "finished_at": begun.isoformat(), "last_updated_at": begun.isoformat()}
    results = [{"recipient": f"step-{step}@customer.example", "status": "failed"}]
    posthog.edit(DELIVERIES, where={"id": last["id"]}, set={**ended, "recipient_results": results})
    fresh = {"status": "starting", "created_at": begun.isoformat(), "finished_at": None}
    parents = {**BELOW, "subscription_id": last["subscription"]}
    posthog.edit(DELIVERIES, insert=[{**fresh, "recipient_results": []}], parents=parents)
    return []
