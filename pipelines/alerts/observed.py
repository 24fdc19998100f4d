"""Reads off a run's outcome, or off the error that ended it, which states need a person.

Each text says what, where, how many, and what to do. It is made of names and numbers, never of PostHog's words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipelines.alerts.states import Observation
from pipelines.bookkeeping.alerts import Alert, AlertKey
from pipelines.errors import HogsyncError, KeyProblem, OutOfMemory, UsageError, WarehouseProblem
from pipelines.remedies import advice
from pipelines.run import AlertKind
from pipelines.status.due import Times, is_stale, times
from sources.posthog.catalogue import PEOPLE, with_parents
from sources.posthog.errors import Unavailable

if TYPE_CHECKING:
    from pipelines.settings import Settings
    from pipelines.sync.outcome import Outcome
    from sources.posthog.extract.api_key import Key
    from sources.posthog.extract.results import Status, TableResult

RUN = ""
"""The name under which the state of a whole run stands where others have a table."""
OF_RUN = frozenset[AlertKey]({(RUN, "failure"), (RUN, "refused_key"), (RUN, "warehouse")})
"""States of a whole run: a run has one of them or none, so each run judges all."""
OF_TABLE: tuple[AlertKind, ...] = ("failure", "lost_scope", "held_deletes", "rejected_rows", "row_drop")
OF_BACKFILL: tuple[AlertKind, ...] = ("failure",)
"""A backfill concludes nothing else of a table."""
JUDGED: Mapping[Status, tuple[AlertKind, ...]] = {
    "loaded": OF_TABLE,
    "unchanged": OF_TABLE,
    "unavailable": ("failure",),
    "failed": (),
}
"""By a table's status, its states that end if the run does not see them."""

KEY_REFUSED = (
    "PostHog refuses the key, or nothing that is selected is readable with it. `hogsync check` says what the key "
    "lacks; if it was revoked, make another one in PostHog."
)
WAREHOUSE_AWAY = (
    "The warehouse cannot be reached or written, or another process holds it. `hogsync check` says what is wrong; the "
    "next sync catches up."
)
WRONG_SETTING = "The sync failed: a setting is wrong or does not fit the dataset. `hogsync check` says which."
NO_MEMORY = "The sync failed: it ran out of memory. Give it more, or set [lists] page_size, in_flight and ahead lower."
NO_POSTHOG = (
    "The sync failed: PostHog could not be read. `hogsync check` says whether it answers, and the next sync catches "
    "up."
)
BUG = "The sync failed by a bug in hogsync. `hogsync --debug sync` shows where; please report it."
UNDERIVED = (
    "The sync failed in part: a history or another derived table could not be written. Its log says which."
)
ENDS: Mapping[type[Exception], tuple[AlertKind, str]] = {
    KeyProblem: ("refused_key", KEY_REFUSED),
    WarehouseProblem: ("warehouse", WAREHOUSE_AWAY),
    UsageError: ("failure", WRONG_SETTING),
    OutOfMemory: ("failure", NO_MEMORY),
    HogsyncError: ("failure", NO_POSTHOG),
    Exception: ("failure", BUG),
}
"""What each error that ends a run means; the first class that fits counts."""

FAILED = (
    "{table} failed in {failed} of {lists} lists. What came is loaded; the next sync reads the rest again. `hogsync "
    "check` and the detail in _hogsync_run_tables say why."
)
LOST = "{table} could be read before, and is refused now or no longer listed; its rows stay as they were. {remedy}"
HELD = (
    "{table}: {held:,} deletes are held. See whether so much was deleted in PostHog; if so, `hogsync sync {table} "
    "--accept-deletes` applies them."
)
REJECTED = (
    "{table}: {rejected:,} rows are left out, because they have no key or cannot be stored. The detail in "
    "_hogsync_run_tables says which."
)
DROPPED = (
    "{table} lost {lost:,} of {former:,} rows in one run. `hogsync diff {table} --since 1d` shows which; they stay in "
    "the warehouse, with _deleted_at."
)
LEFT_OUT = (
    "`hogsync check` says what the key reaches; if that is meant, leave it out of [selection] or [projects]."
)
STALE = (
    "{table} was last synced on {last:%Y-%m-%d %H:%M} UTC, and is behind its times. See whether `hogsync schedule`, or "
    "what starts hogsync, runs; `hogsync status` says when the table is due."
)


def observed_error(error: Exception) -> Observation:
    """Return what the error that ended a run shows: nothing is known of the tables."""
    kind, text = next(words for cls, words in ENDS.items() if isinstance(error, cls))
    return Observation(found={(RUN, kind): text}, judged=OF_RUN)


def suspects(outcome: Outcome) -> tuple[str, ...]:
    """Return the tables that lost so many rows that their living ones have to be counted."""
    return tuple(result.table for result in outcome.tables if result.has_dropped(0))


def observed_outcome(
    outcome: Outcome,
    living: Mapping[str, int],
    *,
    kinds: Collection[AlertKind] = OF_TABLE,
    whole: bool = True,
) -> Observation:
    """Return what a run's tables show; `living` are the rows that `suspects` have.

    Only states of these `kinds` are looked for. Without `whole`, as in a run of some projects, none of a table ends.
    """
    found, judged = dict(_of_run(outcome)), set(OF_RUN)
    ends = whole and outcome.run.status != "refused"
    for result in outcome.tables:
        seen = {kind: text for kind, text in _of_table(result, outcome.key, living) if kind in kinds}
        found |= {(result.table, kind): text for kind, text in seen.items()}
        if ends and not result.postponed:
            judged |= {(result.table, kind) for kind in JUDGED[result.status] if kind in kinds}
    return Observation(found=found, judged=frozenset(judged))


def observed_ages(
    failed: Collection[str], last: Mapping[str, datetime], times: Times, now: datetime
) -> Observation:
    """Return which tables are behind their times; `last` are the starts of their last successful syncs.

    A table that was never synced is new, and one that failed is told as that.
    """
    known = {table: triggers for table, triggers in times.items() if table in last and table not in failed}
    stale = [table for table, triggers in known.items() if is_stale(last[table], triggers, now)]
    return Observation(
        found={
            (table, "stale"): STALE.format(table=table, last=last[table].astimezone(UTC)) for table in stale
        },
        judged=frozenset((table, "stale") for table in known),
    )


def observed_left(settings: Settings, before: Iterable[Alert], results: Iterable[TableResult]) -> Observation:
    """Return the states of tables and watches that these settings no longer have and this run has not read.

    What counts are the tables of the selection and of all groups, with their parents: a run of one group or of named
    tables ends no state of the others.
    """
    by_settings = tuple(table for table in times(settings, is_scheduled=True) if table != PEOPLE.table)
    tables = {RUN, PEOPLE.table, *with_parents(by_settings), *(result.table for result in results)}
    asked = {name for name, watch in settings.watch.items() if watch.when == "rows"}
    return Observation(
        left=frozenset(
            alert.key
            for alert in before
            if alert.table_name not in (asked if alert.kind == "watch" else tables)
        )
    )


def _of_run(outcome: Outcome) -> Iterator[tuple[AlertKey, str]]:
    if outcome.run.status == "refused":
        yield (RUN, "refused_key"), KEY_REFUSED
    elif outcome.run.status != "ok" and not any(one.status == "failed" for one in outcome.tables):
        yield (RUN, "failure"), UNDERIVED


def _of_table(
    result: TableResult, key: Key | None, living: Mapping[str, int]
) -> Iterator[tuple[AlertKind, str]]:
    table, warned = result.table, {warning.kind for warning in result.warnings}
    if result.status == "failed":
        yield "failure", FAILED.format(table=table, failed=result.count("failed"), lists=len(result.lists))
    if "lost access" in warned:
        yield "lost_scope", LOST.format(table=table, remedy=_remedy(result, key))
    if "deletes held" in warned:
        yield "held_deletes", HELD.format(table=table, held=result.deletes_held)
    if "rejected rows" in warned:
        rejected = sum(one.last.rejected.total() for one in result.lists if one.walks)
        yield "rejected_rows", REJECTED.format(table=table, rejected=rejected)
    lost, now = result.rows_lost, living.get(table, 0)
    if result.has_dropped(now):
        yield "row_drop", DROPPED.format(table=table, lost=lost, former=now + lost)


def _remedy(result: TableResult, key: Key | None) -> str:
    """Return what to do about the first list that was lost."""
    for one in result.lists:
        if one.lost_access and one.walks and isinstance(one.last.failure, Unavailable):
            return advice(one.last.failure, one.list_path.endpoint, one.list_path.parent_ids, key)
    return LEFT_OUT
