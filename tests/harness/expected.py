"""What the warehouse must hold, worked out the slow and obvious way from the sandbox's own truth.

A second reading of the rules (keys, stamps, people, children, privacy at its defaults): it shares no code with
`sources.posthog`, so that the two can only agree by both being right. Of the lists that the sandbox answers by their
declaration it reads that, see `declared`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from sources.posthog.catalogue import ENDPOINTS
from tests.harness import declared

Row = dict[str, Any]
Tables = dict[str, dict[tuple[Any, ...], Row]]
"""Rows by table and primary key; a row's nulls are left out, and `dead` says whether `_deleted_at` is set."""

KEYS = {
    "organizations": ("id",),
    "projects": ("id",),
    "organization_members": ("organization_id", "id"),
    "organization_activity_logs": ("organization_id", "id"),
    "users": ("uuid",),
    "subscriptions": ("project_id", "id"),
    "subscription_deliveries": ("project_id", "subscription_id", "id"),
    "cohorts": ("project_id", "id"),
    "comments": ("project_id", "id"),
    "event_definitions": ("project_id", "name"),
    "property_definitions": ("project_id", "type", "group_type_index", "name"),
    "group_types": ("project_id", "group_type_index"),
    "people": ("id",),
}
CORE = tuple(table for table in KEYS if table != "people")
"""What a sync reads in tests unless one says more: the lists that the sandbox draws by hand. The others have their own
tests."""
IMMORTAL = ("organizations", "projects", "organization_activity_logs", "people")
"""Tables whose rows no walk ends."""

PEOPLE = ("user", "created_by", "updated_by", "verified_by", "owner", "completed_by")
PERSON = [
    "id",
    "uuid",
    "distinct_id",
    "email",
    "first_name",
    "last_name",
    "is_email_verified",
    "hedgehog_config",
]
PERSON += ["role_at_organization"]
TIME = re.compile(r"_at$|_date$|^date_joined$|^last_login$|^last_calculation$")

IN_ORDER: Callable[[list[Any]], list[Any]] = list
LISTS: dict[str, dict[str, Callable[[list[Any]], list[Any]]]] = {
    "subscriptions": {"byweekday": IN_ORDER, "dashboard_export_insights": IN_ORDER},
    "subscription_deliveries": {"exported_asset_ids": IN_ORDER},
    "cohorts": {"experiment_set": sorted},
    "event_definitions": {"tags": sorted},
    "property_definitions": {"tags": sorted},
}
RECIPIENTS = {
    "subscriptions": ("target_value",),
    "subscription_deliveries": ("recipient_results", "target_value"),
}
"""Where the addresses of a row stand; the first field that has any counts."""

NOT_STORED = {
    # Tokens inside, or said by other tables.
    "organizations": ("teams", "projects", "customer_id"),
    # Identity lives in people; sessions differ from request to request; invites and locks are nobody's row.
    "users": (
        *PERSON[2:],
        "pending_email",
        "pending_invites",
        "notification_locks",
        "organizations",
        "is_impersonated",
        "is_impersonated_until",
        "is_impersonated_read_only",
        "is_impersonated_reason",
        "sensitive_session_expires_at",
        "fresh_reauth_expires_at",
    ),
    "projects": ("api_token", "organization"),
    "organization_activity_logs": ("unread",),
    "subscription_deliveries": ("subscription", "ai_report", "ai_report_diagnostics", "ai_report_prompt"),
    "cohorts": ("last_error_message",),
    "event_definitions": ("media_preview_urls", "is_action", "post_to_slack"),
    "property_definitions": ("is_seen_on_filtered_events",),
}
DROPPED_INSIDE = {
    # Values are data about customers; the bytecode follows from the rest and changes with the server.
    "filters": ("value", "bytecode", "bytecode_error", "conditionHash"),
    "groups": ("value",),
    "query": ("value", "values", "query", "search", "select", "where", "breakdown"),
    "content_snapshot": ("query_results",),
}
URL = re.compile(r"(https?://[^/\s]+)\S*")
ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
CHANNEL = re.compile(r"C0[0-9A-F]{8}\|#[\w.]+")
PATH_OF_URL = re.compile(r"(https?://[^/\s]+)\S*")


BELOW = {
    "projects": "organizations",
    "organization_members": "organizations",
    "organization_activity_logs": "organizations",
    "subscriptions": "projects",
    "subscription_deliveries": "subscriptions",
    "cohorts": "projects",
    "comments": "projects",
    "event_definitions": "projects",
    "group_types": "projects",
    "property_definitions": "group_types",
}
"""Each table's parent; property definitions need the group types to know which groups there are."""
ROOTS = ("organizations", "users")


def read_for(tables: tuple[str, ...]) -> set[str]:
    """Some tables, or those that are drawn, and whatever is above them; organizations are always read."""
    wanted = {"organizations", *(tables or KEYS)}
    for table in reversed(ENDPOINTS):
        if table in wanted and table not in ROOTS:
            wanted |= {BELOW[table]} if table in BELOW else declared.parent_tables(table)
    return wanted


def key_of(table: str) -> tuple[str, ...]:
    """The columns of a table's key."""
    return KEYS.get(table) or ENDPOINTS[table].key


def part(truth: Row, tables: tuple[str, ...] = (), projects: tuple[int, ...] = ()) -> Row:
    """The truth about some tables and whatever is above them, below some projects."""
    wanted = read_for(tables)
    return {
        "rows": {
            table: [
                row for row in rows if not projects or row["_parents"].get("project_id") in (None, *projects)
            ]
            for table, rows in truth["rows"].items()
            if table in wanted
        }
    }


def expected(truth: Row, hash_key: str) -> Tables:
    """The tables after one sync of everything into an empty warehouse."""
    tables: Tables = {name: {} for name in (*truth["rows"], "people")}
    subscriptions = truth["rows"].get("subscriptions", ())
    there = {(row["_parents"]["project_id"], row["id"]) for row in subscriptions}
    groups = {
        (row["_parents"]["project_id"], row["group_type_index"])
        for row in truth["rows"].get("group_types", ())
    }
    hidden = Hidden(hash_key)
    for table, rows in truth["rows"].items():
        for raw in rows:
            parents = raw["_parents"]
            below_nothing = "subscription_id" in parents and tuple(parents.values()) not in there
            group = (parents.get("project_id"), parents.get("group_type_index"))
            of_no_group = "group_type_index" in parents and group not in groups
            if raw["_listed"] and not below_nothing and not of_no_group:
                enter(tables, table, raw, hidden)
    return tables


def after(before: Tables, now: Tables, *, unread: Callable[[str, Row], bool] = lambda *_: False) -> Tables:
    """The tables after a further sync: what is no longer listed stays with its last values, dead.

    Rows that were `unread` stay exactly as they were, whatever they are now.
    """
    tables: Tables = {}
    for table in {**before, **now}:
        old, new = before.get(table, {}), now.get(table, {})
        gone = {} if table in IMMORTAL else {"dead": True}
        kept = {key: row if unread(table, row) else row | gone for key, row in old.items()}
        read = {key: row for key, row in new.items() if not unread(table, row)}
        tables[table] = kept | read
    return tables


def enter(tables: Tables, table: str, raw: Row, hidden: Hidden) -> None:
    """Put one row where it belongs, with its children and its people."""
    dead = raw.get("deleted") is True
    if table in KEYS:
        row, lists = drawn(table, raw, hidden), children(table, raw, hidden)
    else:
        row, lists = declared.columns(ENDPOINTS[table], raw, hidden), declared.children(ENDPOINTS[table], raw)
    key = {name: row[name] for name in key_of(table)}
    tables[table][tuple(key.values())] = {**row, "dead": dead}
    for name, items in lists:
        child = tables.setdefault(f"{table}__{name}", {})
        for position, item in enumerate(items):
            child[(*key.values(), position)] = {**key, "position": position, **item, "dead": dead}
    for person in people(raw) if table != "users" else [raw]:
        met = {name: person[name] for name in PERSON if person.get(name) is not None}
        tables["people"][(person["id"],)] = {**met, "dead": False}


def drawn(table: str, raw: Row, hidden: Hidden) -> Row:
    """The row, with what its path says; nulls are left out."""
    row = {**raw["_parents"], **dict(columns(table, raw, hidden))}
    if table == "property_definitions":
        row.setdefault("group_type_index", -1)
    return {name: value for name, value in row.items() if value is not None}


def columns(table: str, raw: Row, hidden: Hidden) -> Iterator[tuple[str, Any]]:
    """The row's own columns."""
    apart = {*NOT_STORED.get(table, ()), *LISTS.get(table, {}), *RECIPIENTS.get(table, ())}
    for name, value in raw.items():
        if name.startswith("_") or name in apart or value is None:
            continue
        if name in PEOPLE or (table == "users" and name in ("team", "organization")):
            yield f"{name}_id", value["id"]
        elif TIME.search(name):
            yield name, datetime.fromisoformat(value).astimezone(UTC)
        elif name == "error":
            yield name, hidden.addresses(value)
        else:
            yield name, without(value, DROPPED_INSIDE.get(name, ()))


def children(table: str, raw: Row, hidden: Hidden) -> Iterator[tuple[str, list[Row]]]:
    """The row's lists, each by its name."""
    for name, ordered in LISTS.get(table, {}).items():
        yield name, [{"value": value} for value in ordered(raw.get(name) or [])]
    filled = [raw[name] for name in RECIPIENTS.get(table, ()) if raw.get(name)]
    if filled:
        yield "recipients", hidden.recipients(filled[0], raw["target_type"])


def people(value: Any) -> Iterator[Row]:
    """Every user that stands anywhere inside."""
    if isinstance(value, dict):
        if {"id", "uuid", "email", "first_name"} <= value.keys():
            yield value
        for inner in value.values():
            yield from people(inner)
    if isinstance(value, list):
        for inner in value:
            yield from people(inner)


def without(value: Any, names: tuple[str, ...]) -> Any:
    """A value without these keys, at any depth."""
    if isinstance(value, dict):
        return {name: without(inner, names) for name, inner in value.items() if name not in names}
    return [without(inner, names) for inner in value] if isinstance(value, list) else value


class Hidden:
    """External addresses as they may be stored: hashed with one key."""

    def __init__(self, hash_key: str) -> None:
        self.key = hash_key.encode()

    def hash(self, text: str) -> str:
        return hmac.new(self.key, text.lower().encode(), hashlib.sha256).hexdigest()

    def keyed(self, values: list[Any]) -> str:
        """The digest of several values, as compact JSON with its keys in order."""
        text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        return hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()

    def addresses(self, value: Any) -> Any:
        """A value in which mail addresses keep their domain, Slack's nothing, webhooks' URLs their host."""
        if isinstance(value, dict):
            return {name: self.addresses(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.addresses(inner) for inner in value]
        if not isinstance(value, str):
            return value
        value = URL.sub(r"\1", value)  # a webhook's URL is a credential: only its host is told
        value = CHANNEL.sub(lambda found: self.hash(found[0]), PATH_OF_URL.sub(r"\1", value))
        return ADDRESS.sub(lambda found: f"{self.hash(found[0])}@{found[0].partition('@')[2]}", value)

    def recipients(self, value: str | list[Row], kind: str) -> list[Row]:
        """One row per address of `a@x.com,b@y.com` or of a delivery's results."""
        if isinstance(value, str):
            value = [{"recipient": part} for part in value.split(",")]
        return [dict(self._recipient(entry, kind)) for entry in value]

    def _recipient(self, entry: Row, kind: str) -> Iterator[tuple[str, Any]]:
        address = entry["recipient"]
        yield "kind", kind
        if "://" in address:
            yield "domain", address.split("/")[2]
        else:
            yield "address_hash", self.hash(address)
            if "@" in address:
                yield "domain", address.partition("@")[2]
        if "status" in entry:
            yield "status", entry["status"]
        rest = {name: value for name, value in entry.items() if name not in ("recipient", "status")}
        if rest:
            yield "detail", self.addresses(rest)
