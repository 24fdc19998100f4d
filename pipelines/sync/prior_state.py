"""Loads what the warehouse holds before a run reads PostHog.

Warehouse and settings -> `PriorState`; it says whether every list is read in full. That is so after another privacy
setting, after a restored backup, and if a person emptied `people`. Lists that the run leaves out are then forgotten.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from destinations.warehouse import Warehouse
from pipelines.bookkeeping.records import clear_positions
from pipelines.bookkeeping.schema import PRIVACY
from pipelines.bookkeeping.state import DatasetState
from pipelines.settings import Settings
from pipelines.sync import local_state
from pipelines.sync.ownership import Table, expected_tables, refuse_others
from pipelines.sync.privacy_rewrite import not_yet_within, rewrite_refused, within
from pipelines.sync.selection import Selection
from sources.posthog.catalogue import ENDPOINTS, PEOPLE, with_parents
from sources.posthog.changes.stored import EmptyWarehouse
from sources.posthog.extract.run_warnings import RunWarning
from sources.posthog.shape.types import digest

log = logging.getLogger("hogsync")

OLDER_WAREHOUSE = RunWarning(
    "",
    "",
    "older warehouse",
    "The warehouse was restored from an older state: the last run of this machine is not recorded in it. "
    "Every list is read in full",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorState:
    """The state of the warehouse before PostHog is read."""

    dataset: DatasetState | EmptyWarehouse
    meta: Mapping[str, str]
    """What `_hogsync_meta` must hold before rows are loaded."""
    privacy: str
    """The privacy settings, as `_hogsync_meta` spells them."""
    read_all: bool
    """True if every list is read in full."""
    privacy_changed: bool
    """True if some rows were stored under other privacy settings."""
    warnings: tuple[RunWarning, ...]


def load_prior_state(
    warehouse: Warehouse, settings: Settings, selection: Selection, tables: Sequence[str], started: datetime
) -> PriorState:
    """Return the state of the warehouse; needs it open, unless a dry run finds none.

    Raises UsageError if the dataset belongs to another PostHog or hash key, WarehouseProblem if an object that hogsync
    did not make has the name of one of the run's tables.
    """
    dry_run = selection.dry_run
    meta = {"origin": settings.origin_name, "hash_key": digest(settings.hash_key_bytes().hex())}
    ours = expected_tables(tables, settings)
    dataset: DatasetState | EmptyWarehouse = EmptyWarehouse()
    if not dry_run or warehouse.exists():
        dataset = _dataset_state(warehouse, meta, ours, settings, started=started, dry_run=dry_run)
    privacy = settings.privacy.model_dump_json()
    modes = stored_under(dataset, privacy, with_parents(tuple(tables)))
    changed = privacy_changed(modes, privacy)
    restored = is_restored(dataset, local_state.last_run(settings), dry_run=dry_run)
    people_lost = read_all_again(dataset, ours, dry_run=dry_run)
    return PriorState(
        dataset=dataset,
        meta=meta | privacy_marks(modes, privacy) | within(settings),
        privacy=privacy,
        read_all=changed or restored or people_lost,
        privacy_changed=changed,
        warnings=(OLDER_WAREHOUSE,) * restored,
    )


def _dataset_state(
    warehouse: Warehouse,
    meta: Mapping[str, str],
    tables: Mapping[str, Table],
    settings: Settings,
    *,
    started: datetime,
    dry_run: bool,
) -> DatasetState:
    state = DatasetState(warehouse)
    refuse_others(state, tables)
    state.check_owner(meta)
    if not dry_run and (behind := not_yet_within(state, settings)):
        warehouse.declare_keys()  # Postgres updates rows of a published table only if it has a key
        rewritten = rewrite_refused(state, settings, behind, started)
        state = DatasetState(warehouse)
        state.rewritten = rewritten
    return state


def is_restored(known: DatasetState | EmptyWarehouse, last_run: str | None, *, dry_run: bool) -> bool:
    """True if the warehouse is older than this machine's last run in it; then every list is read in full.

    Clears the positions of lists that this run leaves out, too, because the next run cannot notice the restore.
    """
    if not isinstance(known, DatasetState) or not known.misses_run(last_run):
        return False
    log.info("%s.", OLDER_WAREHOUSE.text)
    _forget_every_list(known, dry_run=dry_run)
    return True


def read_all_again(
    known: DatasetState | EmptyWarehouse, tables: Mapping[str, Table], *, dry_run: bool
) -> bool:
    """Warn of tables that were emptied; returns True if people was, because then every list is read in full.

    A history that was emptied, or has lost columns that identify its versions, begins anew. People have no list of
    their own: all lists name them. Clears the positions of lists that this run leaves out, too, because the next run
    cannot notice the loss.
    """
    if not isinstance(known, DatasetState):
        return False
    for name, table in tables.items():
        is_history, there = name.endswith("_history"), known.tables.get(name, {})
        if is_history and (known.lost_rows(name) or (there and not table.telling <= there.keys())):
            log.warning(
                "The table %s has lost its versions, or columns that tell them: it begins anew.", name
            )
        elif known.lost_rows(name):
            log.warning(
                "The table %s has lost rows since the last run: they are read from PostHog again.", name
            )
    people = known.lost_rows(PEOPLE.table)
    if people:
        _forget_every_list(known, dry_run=dry_run)
    return people


def _forget_every_list(known: DatasetState, *, dry_run: bool) -> None:
    if not dry_run:
        clear_positions(known.warehouse, ENDPOINTS)


def stored_under(known: DatasetState | EmptyWarehouse, privacy: str, tables: Sequence[str]) -> dict[str, str]:
    """Return the privacy settings under which each table's rows were stored; the current ones if it has no rows."""
    meta = known.meta if isinstance(known, DatasetState) else {}
    return {table: meta.get(f"{PRIVACY}{table}", meta.get("privacy", privacy)) for table in tables}


def privacy_marks(modes: Mapping[str, str], privacy: str) -> dict[str, str]:
    """Return the privacy facts to write before rows are loaded; `modes` are the settings of the stored rows."""
    # A table with other settings holds rows of both until it has been read to its end.
    return {f"{PRIVACY}{table}": mode if mode == privacy else "" for table, mode in modes.items()}


def privacy_changed(stored_under: Mapping[str, str], privacy: str) -> bool:
    """True if some rows were stored under other privacy settings; then every list is read in full."""
    if all(mode == privacy for mode in stored_under.values()):
        return False
    log.warning(
        "The privacy settings have changed, or the rules by which they are applied: every list is read in full "
        "and its rows are stored anew. What the settings refuse of other rows and of older versions is emptied."
    )
    return True
