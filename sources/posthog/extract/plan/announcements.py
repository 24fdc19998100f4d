"""Tells of a list whether the audit log of its organization announced a change since the list's last complete walk.

A run reads the log first. Scopes of its new entries -> an `Announcement` of each table whose `Endpoint.announced_by`
names one of them -> the change token of the table's lists. A list whose token is that of its last complete walk can be
skipped (`incremental.plan`).

No server is trusted to write an entry for each change. A complete walk that finds a change without one raises a doubt,
for the entry may have come after the log was read. If the next run finds none either, the trust in the organization's
announcements of that table has ended: its lists are read in every run from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sources.posthog.catalogue import ENDPOINTS, parents_of
from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.organization import ORGANIZATION_ACTIVITY_LOGS, PROJECTS
from sources.posthog.changes.edits import has_edits
from sources.posthog.changes.table_changes import TableChanges
from sources.posthog.extract.options import ReadOptions
from sources.posthog.extract.plan.budget import pages
from sources.posthog.extract.walks import Announcement, ListPath, ListResult, PositionStore, project_of
from sources.posthog.shape.batch import Batch

LOG = ORGANIZATION_ACTIVITY_LOGS
ANNOUNCED = {table: endpoint for table, endpoint in ENDPOINTS.items() if endpoint.announced_by}
FOLLOWING = frozenset(
    ("created_at", "created_by_id", "updated_at", "last_modified_at", "last_modified_by_id")
)
"""Columns that no entry names, because they change with others."""
BUDGET_SHARE = 0.1
"""With `auto`, announcements are used if walking everything takes more than this share of an hour's requests."""


def are_announcements_used(chosen: str, requests: int, hourly: int | None) -> bool:
    """Return whether lists are skipped by the log, if walking all takes so many requests of those of an hour."""
    is_much = hourly is not None and requests > BUDGET_SHARE * hourly
    return chosen == "always" or (chosen == "auto" and is_much)


def heard(before: Announcement, now: datetime, *, is_announced: bool) -> Announcement:
    """Return what is known of a table's announcements after the log was read in the run that began `now`."""
    if is_announced:
        return replace(before, announced_at=now, doubted_at=None)
    if before.doubted_at:
        return replace(before, doubted_at=None, distrusted_at=now)
    return before


class Announcements:
    """An observer of pages, which notes the organization of each project; one for each run."""

    def __init__(
        self,
        changes: Mapping[str, TableChanges],
        positions: PositionStore,
        options: ReadOptions,
        *,
        hourly: int | None,
    ) -> None:
        """`hourly` is how many requests the budget allows in an hour; None is no limit."""
        self.changes = changes
        self.positions = positions
        self.options = options
        self._stored = positions.announcements()
        self.used = self._are_used(hourly)
        self.changed: dict[tuple[str, str], Announcement] = {}
        """By organization and table, what this run has to remember."""
        self._organizations: dict[Any, str] = {}
        self._parents = parents_of(changes)
        self._all: set[str] = set()
        self._heard: set[str] = set()
        if LOG.table in changes and (self.used or self._stored):
            changes[LOG.table].stored_index.ask_when_written()

    def _are_used(self, hourly: int | None) -> bool:
        options = self.options
        if LOG.table not in self.changes or options.window:
            return False
        return are_announcements_used(options.announcements, sum(map(self._requests, self.changes)), hourly)

    def _requests(self, table: str) -> int:
        """Return how many requests it takes to walk all lists of a table."""
        positions = filter(None, map(self.positions.position, self.positions.paths(table)))
        return sum(pages(one, self.options.page_size) for one in positions)

    def note(self, endpoint: Endpoint, batch: Batch) -> None:
        """Note to which organization each project belongs."""
        if endpoint is PROJECTS:
            owners = zip(batch.values("id"), batch.values("organization_id"), strict=True)
            self._organizations |= dict(owners)

    # -- reading the logs

    def hear(self, logs: Iterable[ListResult]) -> None:
        """Take in the new entries of the logs that could be read, before the lists of their organizations are."""
        remembered = {organization for organization, _ in self._stored}
        for log in () if self.options.window else logs:  # a backfill reads a period, and not what is new
            self._all.add(organization := log.list_path.parent_ids["organization_id"])
            if log.status != "read" or not (self.used or organization in remembered):
                continue
            self._heard.add(organization)
            # Nothing is remembered of an organization whose log was read and not heard: then all counts as announced.
            scopes = self._new_scopes(log) if organization in remembered else None
            for table, endpoint in ANNOUNCED.items():
                is_announced = scopes is None or not scopes.isdisjoint(endpoint.announced_by)
                before = self._known(organization, table)
                self._remember(before, heard(before, self.options.started, is_announced=is_announced))

    def _new_scopes(self, log: ListResult) -> frozenset[str] | None:
        """Return the scopes of the log's new entries; None if that cannot be told, so that any may be among them.

        A run that was killed before its record leaves entries that are stored and were not heard: they are younger
        than the log's last walk.
        """
        changes, before = self.changes[LOG.table], log.before
        written = changes.stored_index.last_written
        was_heard = before and before.last_walk_at and (written is None or written <= before.last_walk_at)
        is_kept = changes.shape.policy.mode(LOG.table, "scope", "open") == "keep"
        if not was_heard or log.last.rejected or not is_kept:
            return None
        scopes = changes.new_values("scope", log.list_path.parent_ids)
        return None if None in scopes else frozenset(scopes)

    def _known(self, organization: str, table: str) -> Announcement:
        place = organization, table
        unknown = Announcement(organization_id=organization, table=table)
        return self.changed.get(place) or self._stored.get(place) or unknown

    def _remember(self, before: Announcement, after: Announcement) -> None:
        if after != before:
            self.changed[after.organization_id, after.table] = after

    # -- reading the lists

    def token(self, list_path: ListPath) -> str | None:
        """Return a text that changes with each announcement of a list's table; None if the list must be read."""
        known = self._about(list_path) if self.used and list_path.endpoint.announced_by else []
        if not known or any(one.distrusted_at for one in known):
            return None
        return " ".join(["announced", *(f"{one.organization_id} {one.announced_at}" for one in known)])

    def _about(self, list_path: ListPath) -> list[Announcement]:
        """Return what is known for a list; nothing if an organization that it concerns was not heard.

        Rows of a shared table stand in the lists of several projects, so its lists are skipped all or none: a row that
        left the one list of a run could still stand in another.
        """
        endpoint = list_path.endpoint
        organizations = {self._organizations.get(list_path.parent_ids["project_id"], "")}
        if endpoint.shared:
            organizations = self._all
            known = (
                path
                for path in self.positions.paths(endpoint.table)
                if project_of(path) in self._organizations  # not of a project that is gone
            )
            positions = [*filter(None, map(self.positions.position, known))]
            if any(one.held for one in positions) or len({one.last_walk_at for one in positions}) > 1:
                return []
        if not organizations <= self._heard:
            return []
        return [self._known(one, endpoint.table) for one in sorted(organizations)]

    def must_be_walked(self, list_path: ListPath) -> bool:
        """Return whether the walk is needed for more than changes: to confirm deletes, or to find lists below rows."""
        position = self.positions.position(list_path.path)
        if position is None or not list_path.endpoint.announced_by:
            return False
        return position.held > 0 or (position.rows > 0 and list_path.endpoint.table in self._parents)

    # -- after the lists are read

    def doubt(self, results: Iterable[ListResult]) -> None:
        """Raise a doubt about tables of which a walk found a change although none was announced."""
        for one in results:
            list_path, before = one.list_path, one.before
            if not (before and one.complete and self.token(list_path)):
                continue
            if self.options.reads_all(list_path.endpoint.table):
                continue
            if before.moved == one.change_token and self._has_edits(list_path):
                for known in self._about(list_path):
                    self._remember(known, replace(known, doubted_at=self.options.started))

    def _has_edits(self, list_path: ListPath) -> bool:
        endpoint, changes = list_path.endpoint, self.changes[list_path.endpoint.table]
        if changes.stored_index.has_uncommitted(list_path.parent_ids, revived=False):
            return False
        undeclared = changes.shape.undeclared.named.values()
        silent = {*FOLLOWING, *endpoint.unannounced, *endpoint.volatile, *undeclared}
        return has_edits(changes, list_path.parent_ids, silent)
