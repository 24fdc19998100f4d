"""A sync's task: tables, projects, and how they are read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipelines.errors import UsageError
from pipelines.run import Trigger
from pipelines.settings import Settings
from pipelines.settings.layers import did_you_mean
from sources.posthog.catalogue import DEFAULT_TABLES, ENDPOINTS, PEOPLE, tables_of
from sources.posthog.catalogue.not_synced import NOT_SYNCED
from sources.posthog.extract.options import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The tables, projects and options of a run."""

    tables: tuple[str, ...] = ()
    """Names of tables; if empty, the settings' selection; if that is empty, too, those that are read by default."""
    projects: tuple[int, ...] = ()
    full: bool = False
    accept_deletes: bool = False
    strict: bool = False
    """True if warnings make the exit code 1; `[sync] strict` sets this, too."""
    dry_run: bool = False
    window: Window | None = None
    """The range of time that a backfill reads again."""
    trigger: Trigger = "manual"


def chosen_tables(settings: Settings, selection: Selection) -> tuple[str, ...]:
    """Return the tables to read; raises UsageError for an unknown name, with the nearest one."""
    return known_tables(selection.tables or settings.selection.tables or DEFAULT_TABLES)


def known_tables(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names without repetition; raises UsageError for one that has no lists of its own, with the nearest."""
    chosen = tuple(dict.fromkeys(names))
    for name in chosen:
        if name not in ENDPOINTS:
            raise UsageError(_why_not(name))
    return chosen


def _why_not(name: str) -> str:
    """Return why a name cannot be synced: hogsync makes that table from others, or it does not exist."""
    if name == PEOPLE.table:
        return (
            f"{name} is gathered from the rows of every table that is synced and cannot be named; "
            "`hogsync sync users organization_members` brings most of them."
        )
    if tables_of(name):
        return f"{name} is a subject of several tables; `hogsync sync --group {name}` syncs them."
    for one in NOT_SYNCED:
        if name == one.name:
            is_omitted = one.status == "omitted"
            return f"{name} {'is no table' if is_omitted else 'cannot be synced'}. {one.reason}"
    for endpoint in ENDPOINTS.values():
        if name in endpoint.derived_tables or name.startswith(f"{endpoint.table}__"):
            return f"{name} is written together with {endpoint.table}; name that."
    return f"There is no table {name!r}{did_you_mean(name, list(ENDPOINTS))}"
