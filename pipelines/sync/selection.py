"""What a sync is asked to do: tables, projects, and how."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.run import Trigger
from pipelines.settings import Settings
from pipelines.sync.table_names import known_tables
from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.extract.options import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a run is asked to do."""

    tables: tuple[str, ...] = ()
    """Names of tables; empty: the settings' selection, else all."""
    projects: tuple[int, ...] = ()
    full: bool = False
    accept_deletes: bool = False
    strict: bool = False
    """Whether warnings make the exit code 1; `[sync] strict` asks for it, too."""
    dry_run: bool = False
    window: Window | None = None
    """Of a backfill: the range of time that is read again."""
    trigger: Trigger = "manual"


def chosen_tables(settings: Settings, selection: Selection) -> tuple[str, ...]:
    """The tables to read; raises UsageError for a name that is no table, with the nearest one."""
    return known_tables(selection.tables or settings.selection.tables or ENDPOINTS)
