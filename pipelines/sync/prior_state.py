"""Loads what the warehouse holds before a run reads PostHog.

Warehouse and settings -> `PriorState`; it says whether every list is read in full. That is so after a restored backup,
and if a person emptied `people`; lists that the run leaves out are then forgotten. After another privacy setting the
lists of each table are read in full until all of them were read.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from destinations.warehouse import Warehouse
from pipelines.bookkeeping import local_state
from pipelines.bookkeeping.kept_facts import keep_facts
from pipelines.bookkeeping.records import clear_positions
from pipelines.bookkeeping.schema import PRIVACY
from pipelines.bookkeeping.state import DatasetState, owner_of
from pipelines.settings import Settings
from pipelines.sync.derive import derived_until_key
from pipelines.sync.derived_tables import with_history
from pipelines.sync.ownership import Table, expected_tables, refuse_others
from pipelines.sync.privacy_rewrite import not_yet_within, rewrite_refused, stored_policy, within
from pipelines.sync.selection import Selection
from sources.posthog.catalogue import ENDPOINTS, PEOPLE, with_parents
from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.extract.extraction import EmptyWarehouse
from sources.posthog.extract.run_warnings import RunWarning, first_few
from sources.posthog.shape.privacy import Policy

log = logging.getLogger("hogsync")

OLDER_WAREHOUSE = RunWarning(
    "",
    "",
    "older warehouse",
    "The warehouse was restored from an older state: the last run of this machine is not recorded in it. "
    "Every list is read in full",
)
PRIVACY_CHANGED = (
    "The privacy settings have changed, or the rules by which they are applied: %s read in full "
    "and its rows are stored anew. What the settings refuse of other rows and of older versions is emptied."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorState:
    """The state of the warehouse before PostHog is read."""

    dataset: DatasetState | EmptyWarehouse
    meta: Mapping[str, str]
    """What `_hogsync_meta` must hold before rows are loaded."""
    privacy: str
    """The privacy settings, as `_hogsync_meta` spells them."""
    read_all: bool = False
    """True if every list is read in full."""
    anew: frozenset[str] = frozenset()
    """The tables of which rows are stored under other privacy settings: their lists are read in full."""
    former: Mapping[str, Policy] = field(default_factory=dict)
    """By such a table, the settings under which all of its rows were stored; none while only some were."""
    warnings: tuple[RunWarning, ...] = ()


def load_prior_state(
    warehouse: Warehouse, settings: Settings, selection: Selection, tables: Sequence[str], started: datetime
) -> PriorState:
    """Return the state of the warehouse; needs it open, unless a dry run finds none.

    Raises UsageError if the dataset belongs to another PostHog or hash key, WarehouseProblem if an object that hogsync
    did not make has the name of one of the run's tables.
    """
    owner = owner_of(settings)
    ours, privacy = expected_tables(tables, settings), settings.privacy.model_dump_json()
    read = with_parents(tuple(tables))
    if selection.dry_run and not warehouse.exists():
        return PriorState(dataset=EmptyWarehouse(), meta=owner, privacy=privacy)
    state = _dataset_state(warehouse, owner, ours, settings, started=started, dry_run=selection.dry_run)
    modes = {table: state.meta.get(f"{PRIVACY}{table}", state.meta.get("privacy", privacy)) for table in read}
    # A table with other settings holds rows of both until it has been read to its end.
    marks = {f"{PRIVACY}{table}": mode if mode == privacy else "" for table, mode in modes.items()}
    anew = frozenset(table for table, mode in modes.items() if mode != privacy)
    if anew:
        whole = len(anew) == len(modes)
        log.warning(
            PRIVACY_CHANGED, "every list is" if whole else f"each list of {first_few(sorted(anew))} is"
        )
    restored = state.misses_run(local_state.last_run(settings))
    if restored:
        log.info("%s.", OLDER_WAREHOUSE.text)
    _warn_of_losses(state, ours)
    people_lost = state.lost_rows(PEOPLE.table) or _lacks_columns(state, PEOPLE)
    if (restored or people_lost) and not selection.dry_run:
        # Those of lists that this run leaves out, too: the next run cannot notice it.
        clear_positions(warehouse, ENDPOINTS)
    # What this run reads tells a history that is behind which of its rows are gone.
    state.ask_again([table for table in with_history(settings) if _is_behind(state, table)])
    return PriorState(
        dataset=state,
        meta=owner | marks | within(settings),
        privacy=privacy,
        read_all=restored or people_lost,
        anew=anew,
        former=_former(state, anew),
        warnings=(OLDER_WAREHOUSE,) * restored,
    )


def _former(state: DatasetState, anew: Collection[str]) -> dict[str, Policy]:
    """Return the settings under which all rows of these tables were stored when the run began."""
    modes = {table: state.former_meta.get(f"{PRIVACY}{table}", "") for table in anew}
    return {table: stored_policy(mode) for table, mode in modes.items() if mode}


def _lacks_columns(state: DatasetState, endpoint: Endpoint) -> bool:
    """Return whether a table lacks a declared column that hogsync once made."""
    made = (state.made or {}).get(endpoint.table, frozenset())
    there = state.tables.get(endpoint.table, {})
    return bool(there) and any(one.column in made and one.column not in there for one in endpoint.fields)


def _is_behind(state: DatasetState, table: str) -> bool:
    return state.meta.get(derived_until_key(ENDPOINTS[table].history)) == ""


def _dataset_state(
    warehouse: Warehouse,
    owner: Mapping[str, str],
    tables: Mapping[str, Table],
    settings: Settings,
    *,
    started: datetime,
    dry_run: bool,
) -> DatasetState:
    state = DatasetState(warehouse)
    refuse_others(state, tables)
    state.check_owner(owner)
    state.read_only = dry_run
    if not dry_run:
        keep_facts(settings, state, started)
    if not dry_run and (behind := not_yet_within(state, settings)):
        warehouse.declare_keys()  # Postgres updates rows of a published table only if it has a key
        rewritten, former = rewrite_refused(state, settings, behind, started), state.meta
        state = DatasetState(warehouse)
        state.rewritten, state.former_meta = rewritten, former
    return state


def _warn_of_losses(state: DatasetState, tables: Mapping[str, Table]) -> None:
    """Warn of tables that lost rows; a history that did, or lost columns that tell its versions, begins anew."""
    for name, table in tables.items():
        there, lost = state.tables.get(name, {}), state.lost_rows(name)
        if name.endswith("_history") and (lost or (there and not table.telling <= there.keys())):
            log.warning(
                "The table %s has lost its versions, or columns that tell them: it begins anew.", name
            )
        elif lost:
            log.warning(
                "The table %s has lost rows since the last run: they are read from PostHog again.", name
            )
