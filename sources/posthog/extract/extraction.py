"""Extracts PostHog in one run: reads the partitions, parents before children, several at the same time.

Tables, stored rows and positions -> a `Delta` and a `TableResult` per table. A list that fails never stops the others.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

from sources.posthog import errors
from sources.posthog.catalogue import ENDPOINTS, PEOPLE, parent_of, with_parents
from sources.posthog.catalogue.endpoint import Endpoint, placeholders
from sources.posthog.catalogue.organization import ORGANIZATIONS, PROJECTS
from sources.posthog.changes.delta import Delta, TargetTable, delta, target_tables
from sources.posthog.changes.scratch import ScratchDatabase
from sources.posthog.changes.stored import StoredTables
from sources.posthog.changes.table_changes import ChildTable, Counts, TableChanges
from sources.posthog.client.client import Client
from sources.posthog.extract.api_key import Key, current_key
from sources.posthog.extract.checkpoints import NO_CHECKPOINTS, CheckpointStore
from sources.posthog.extract.deletes import apply_deletes, is_whole, partitions_with_missing_rows
from sources.posthog.extract.list_reader import ListReader
from sources.posthog.extract.options import ReadOptions
from sources.posthog.extract.partitions import Partitions, joined
from sources.posthog.extract.people import gathered
from sources.posthog.extract.plan.announcements import LOG, Announcements
from sources.posthog.extract.plan.budget import SPARE, Costs, warning, without_room
from sources.posthog.extract.positions import advance, asked_in_vain, before_load
from sources.posthog.extract.results import TableResult, inherit_parent_status
from sources.posthog.extract.run_warnings import RunWarning, data_warnings, first_few
from sources.posthog.extract.walks import ListPath, ListResult, Partition, PartitionResult, PositionStore
from sources.posthog.paging.prefetch import Measured, Prefetcher
from sources.posthog.shape.privacy import Policy
from sources.posthog.shape.row_shape import RowShape

log = logging.getLogger("hogsync")


LOST_PAGES = "pages of this table were lost on their way: this is a bug in hogsync"


class StoredState(StoredTables, PositionStore, Protocol):
    """The stored rows and the remembered positions of the warehouse."""


class EmptyWarehouse(StoredState):
    """A warehouse that holds and remembers nothing yet: every row counts as new."""


class Extraction:
    """One run's reading: call `load_stored`, then `run`, then take each table's `delta`."""

    def __init__(
        self,
        client: Client,
        tables: Sequence[str],
        *,
        stored: StoredState,
        policy: Policy,
        options: ReadOptions,
        folder: Path | None = None,
        projects: Iterable[int] = (),
        in_flight: int = 8,
        ahead: int = 16,
        checkpoints: CheckpointStore = NO_CHECKPOINTS,
    ) -> None:
        """`folder` takes what does not fit in memory; `projects` narrows the extraction to these ids.

        `in_flight` lists are read at once, and of one list `ahead` pages; `checkpoints` saves pages of long lists, in
        case this run is interrupted.
        """
        self.client = client
        self.tables = with_parents(tuple(tables))
        self.stored = stored
        self.options = options
        self.partitions = Partitions(self.tables, frozenset(projects))
        self.in_flight = in_flight
        self.results = {table: TableResult(table) for table in (*self.tables, PEOPLE.table)}
        self.warnings: list[RunWarning] = []
        """Those that concern no single table."""
        self.refusal: errors.PostHogError | None = None
        self.key: Key | None = None
        self._policy = policy
        self._folder = folder
        self._places = threading.BoundedSemaphore(in_flight)
        self._pages_ahead = ahead
        self._checkpoints = checkpoints
        self._reads: list[PartitionResult] = []

    def load_stored(self) -> None:
        """Open the scratch database and index the stored rows of every table; needs the warehouse open."""
        self.scratch = ScratchDatabase(self._folder or _temporary_folder(self))
        self.changes = {table: self._changes(ENDPOINTS[table]) for table in self.tables}
        if self._checkpoints.holds():
            for changes in self.changes.values():
                changes.stored_index.ask_when_written()
        self.people = self._changes(PEOPLE)
        self.announcements = Announcements(
            self.changes, self.stored, self.options, hourly=self.client.per_hour
        )
        self.prefetcher = Prefetcher(self.client.get, self._pages_ahead - 1)
        self.reader = ListReader(
            self._get,
            self.changes,
            self.stored,
            self.options,
            person=self.people.shape,
            announcements=self.announcements,
            prefetch=self.prefetcher,
            checkpoints=self._checkpoints,
        )

    def _changes(self, endpoint: Endpoint) -> TableChanges:
        stored, table = self.stored, endpoint.table
        shape = RowShape(
            endpoint,
            self._policy,
            stored.columns(table),
            stored.column_names_of_fields(table),
            new_columns=self.options.new_columns,
            theirs={*stored.foreign_columns(table), *stored.foreign_columns(endpoint.history)},
        )
        return TableChanges(self.scratch, shape, self.stored, self.options.started)

    def _get(self, path: str, params: Mapping[str, str | int], measured: Measured | None = None) -> Any:
        # A request takes a place only while it is sent and answered, not while it waits or its answer is decoded.
        return self.client.get(path, params, self._places, measured)

    # -- reading

    def run(self) -> None:
        """Read all lists, once; raises KeyRefused or Misdirected if nothing could be read at all."""
        if self.key is not None:
            return
        self.key = self.reader.visibility.key = current_key(self._get)
        organizations = ListPath(ORGANIZATIONS, "organizations/", {}, "offset")
        first = PartitionResult(Partition(ORGANIZATIONS, {}, (organizations,)))
        self._walk(first)
        if failure := _fatal(first.lists[0]):
            raise failure
        if first.lists[0].complete or first.lists[0].status == "unavailable":
            self.reader.visibility.organizations_read()
        # Projects tell what there is to read, and the logs which of it can be skipped.
        early = (PROJECTS, LOG) if self.announcements.used else (PROJECTS,)
        found = [*map(PartitionResult, self.partitions.roots(self.key.projects)), *self._below(first)]
        heads = self._run_all(
            self._walk, [one for one in found if one.partition.endpoint in early], descend=False
        )
        self.announcements.hear(_lists_of(LOG, heads))
        self._note_projects(first.lists, _lists_of(PROJECTS, heads))
        others = [one for one in found if one.partition.endpoint not in early]
        below = [one for head in heads for one in self._below(head)]
        reads = joined(self._run_all(self._walk, self._with_room([*others, *below])))
        self.announcements.hear(_lists_of(LOG, reads))
        self._reads += [first, *heads, *reads]
        while with_missing := self._with_missing_rows(reads):
            found = self._run_all(self._apply_deletes, with_missing)
            reads = [read for read in found if read.missing is None]  # below rows that only second walks saw
            self._reads += reads
        self._update_positions()
        self._cascade_deletes()
        inherit_parent_status(self.results, self.tables)
        self._add_people()
        self._finalize_tables()
        for result in self.results.values():
            self.announcements.doubt(result.lists)
        self._close_connections()

    def _note_projects(self, organizations: list[ListResult], projects: list[ListResult]) -> None:
        """Note which projects the key sees, if their lists tell that."""
        if not self.partitions.projects and all(one.complete for one in (*organizations, *projects)):
            self.reader.listed_projects = frozenset(key[-1] for key in self.keys(PROJECTS, projects))

    def _with_room(self, reads: Sequence[PartitionResult]) -> Sequence[PartitionResult]:
        """Return the partitions without those for which the hour's request budget has no room."""
        unused, options = self.client.left(), self.options
        must_read = options.full or options.anew or options.window or options.accept_deletes
        if unused is None or must_read:
            return reads
        left = int(unused * (1 - SPARE))
        estimate = Costs(map(ENDPOINTS.__getitem__, self.tables), self.stored, options)
        costs = [estimate.of(one.partition, self.reader.plan) for one in reads]
        before = self.stored.position(ORGANIZATIONS.paths[0])
        waiting = without_room(costs, left, (before and before.last_walk_at) or options.started)
        if waiting:
            self.warnings.append(warning(costs, waiting, left))
            log.warning("%s.", self.warnings[-1].text)
        for one in waiting:
            self.results[one.partition.endpoint.table].postponed += len(one.partition.lists)
            for table, lists in estimate.lists_below(one.partition).items():
                self.results[table].postponed += lists
        later = {one.partition.lists[0].path for one in waiting}
        return [one for one in reads if one.partition.lists[0].path not in later]

    def _run_all(
        self,
        task: Callable[[PartitionResult], None],
        reads: Iterable[PartitionResult],
        *,
        descend: bool = True,
    ) -> list[PartitionResult]:
        """Run `task` on partitions, as many at once as allowed; with `descend`, then read what is found below them."""
        # Twice as many threads as lists in flight: the others process pages that have arrived.
        pool = ThreadPoolExecutor(2 * self.in_flight, thread_name_prefix="hogsync-list")
        running: dict[Future[None], PartitionResult] = {}
        # `concurrent.futures.wait` would look at all running futures each time one ends.
        ended: SimpleQueue[Future[None]] = SimpleQueue()
        finished: list[PartitionResult] = []

        def start(work: Callable[[PartitionResult], None], read: PartitionResult) -> None:
            try:
                future = pool.submit(work, read)
            except RuntimeError as none:  # there is no room for one more thread
                raise MemoryError from none
            running[future] = read
            future.add_done_callback(ended.put)

        try:
            for read in reads:
                start(task, read)
            while running:
                finished.append(read := running.pop(future := ended.get()))
                self._record_failure(future, read)
                for children in self._below(read) if descend else ():
                    start(self._walk, children)
        finally:
            if running:  # a stop, or a bug: waiting and reading threads end
                self.client.stop()
            pool.shutdown(wait=False, cancel_futures=True)
        return finished

    def _walk(self, read: PartitionResult) -> None:
        for list_path in read.partition.lists:
            read.lists.append(one := self.reader.read(list_path))
            if _fatal(one):
                return

    def _with_missing_rows(self, reads: Sequence[PartitionResult]) -> list[PartitionResult]:
        found: list[PartitionResult] = []
        for endpoint in map(ENDPOINTS.__getitem__, self.tables):
            own = [read for read in reads if read.partition.endpoint is endpoint]
            found += partitions_with_missing_rows(self.reader, own, self._children(endpoint))
        return found

    def _apply_deletes(self, read: PartitionResult) -> None:
        apply_deletes(self.reader, read, self._children(read.partition.endpoint))

    def _record_failure(self, future: Future[None], read: PartitionResult) -> None:
        """Fail a partition's lists if they could not be read; a refusal of the key in mid-run fails all later ones."""
        for failure in filter(None, (future.exception(), *map(_fatal, read.lists))):
            if isinstance(failure, errors.NoRoom | MemoryError) or not isinstance(failure, Exception):
                raise failure
            path = read.partition.lists[0].path
            if isinstance(failure, errors.KeyRefused):
                self.refusal = self.refusal or failure
                self.client.stop()
                detail = str(failure)
            elif isinstance(failure, errors.Stopped):
                detail = f"not read, because the run stopped: {self.refusal or 'a stop was requested'}"
            else:
                log.debug("%s", path, exc_info=failure)
                detail = f"{type(failure).__name__} while {path} was read: this is a bug in hogsync"
            results = {one.list_path.path: one for one in read.lists}
            read.lists = [
                results.get(one.path, ListResult(list_path=one)).failed(detail)
                for one in read.partition.lists
            ]

    def _update_positions(self) -> None:
        lists = _lists(self._reads)
        for one in sorted(lists, key=lambda one: one.list_path.path):  # results must not depend on threads
            changes = self.changes[one.list_path.endpoint.table]
            has_new_rows = partial(changes.has_new_rows, one.list_path.parent_ids)
            result = replace(one, position_before_load=before_load(one, has_new_rows))
            if changes.lost_pages:  # they may be of any list
                result = result.failed(LOST_PAGES)
            elif not self.options.window:
                read_anew = changes.table in self.options.anew or not changes.stored_index.whole
                position = (
                    advance(result, self.options)
                    if one.status == "read"
                    else asked_in_vain(result, read_anew=read_anew)
                )
                result = replace(result, position=position)
            self.results[changes.table].lists.append(result)

    # -- partitions

    def _below(self, read: PartitionResult) -> list[PartitionResult]:
        """Return the partitions to read below every row that a partition's walks saw."""
        endpoint, results = read.partition.endpoint, read.lists
        if not self.partitions.children(endpoint):
            return []
        # The page of a single object may be refused while its lists can be read.
        if results and results[0].list_path.pagination == "object":
            idents = [results[0].list_path.parent_ids[endpoint.own_placeholder]]
        else:
            idents = sorted(key[-1] for key in self.keys(endpoint, results))
        reads = []
        for partition in self.partitions.below(read.partition, idents, self.reader.lists_below.is_read):
            if all(self.reader.plan(one).can_be_skipped for one in partition.lists):
                self.results[partition.endpoint.table].skipped += len(partition.lists)
            else:
                reads.append(PartitionResult(partition))
        return reads

    def keys(self, endpoint: Endpoint, results: Sequence[ListResult]) -> set[tuple[Any, ...]]:
        """Return the keys that these lists' walks saw; a short list's keys need no query."""
        walks = [walk for one in results for walk in one.walks]
        if any(walk.keys is None for walk in walks):
            return self.changes[endpoint.table].keys([walk.id for walk in walks])
        return set().union(*(walk.keys or () for walk in walks))

    def _children(self, parent: Endpoint) -> list[ChildTable]:
        """Return the tables whose rows are deleted with a row of this one."""
        return [
            ChildTable(self.changes[table], placeholders(path))
            for table in self.tables
            for path in ENDPOINTS[table].paths
            if parent.detects_deletes and parent_of(path) is parent
        ]

    # -- deletions

    def _cascade_deletes(self) -> None:
        for table in self.tables:
            for children in self._children(ENDPOINTS[table]):
                children.changes.cascade_delete(self.changes[table], children.columns)
                unread = self.reader.lists_below.unread(children.changes.table)
                if unread and not self.options.window:
                    children.changes.delete_below(unread, children.columns)

    def _add_people(self) -> None:
        for batch in gathered(self.reader.people, self.people):
            self.people.stage(batch, walk=0)
            self.results[PEOPLE.table].rows_read += len(batch)
            self.results[PEOPLE.table].gathered.update(batch.misfits)

    def _finalize_tables(self) -> None:
        for table, changes in [*self.changes.items(), (PEOPLE.table, self.people)]:
            result = self.results[table]
            result.counts = changes.finalize()
            addresses = {address for one in result.lists for address in one.list_path.url_paths}
            result.requests = sum(map(self.client.requests_to, addresses))
            mended = set().union(*map(self.client.repairs_of, addresses))
            result.data_warnings += data_warnings(
                result.misfits, changes.shape.undeclared.apart, changes.shape.beyond, mended
            )
            result.rows_read += sum(one.rows for one in result.lists)
        for endpoint in (ORGANIZATIONS, PROJECTS):
            self._note_unreachable(endpoint)
        for table in self.tables:
            self._note_losses(self.results[table])

    def _note_losses(self, result: TableResult) -> None:
        """Record lists that are refused now and were read before, unless they were deleted with their parent row."""
        for number, one in enumerate(result.lists):
            was_read = one.status == "unavailable" and one.before is not None
            if was_read and (result.status == "unavailable" or not one.was_deleted_with_parent):
                result.lists[number] = one.with_lost_access()
        if result.parent_status == "unavailable" and self.stored.was_read(result.table):
            text = f"could be read before and is not now: {result.note}"
            result.lost.append(RunWarning(result.table, "", "lost access", text))

    def _note_unreachable(self, endpoint: Endpoint) -> None:
        """Note organizations and projects that are no longer listed; a walk never deletes them."""
        table = endpoint.table
        result = self.results.get(table)
        if result is None or not result.complete or self.partitions.projects:
            return
        gone = [key[-1] for key in self.changes[table].live_not_seen()]
        if gone:
            result.note = f"no longer listed, rows kept: {first_few(gone, 5)}"
            result.lost.append(RunWarning(table, f"{table}/{gone[0]}/", "lost access", result.note))

    def complete_partitions(self, table: str, *, first: bool) -> list[dict[str, Any]]:
        """Return the partitions of a table that this key has read completely, as values of key columns.

        With `first`, only those that were not complete before, unless the user accepts deletes.
        """
        changes = self.changes[table]
        reads_all = not (first and changes.stored_index.whole)
        return [
            changes.placed(read.partition.parent_ids)
            for read in self._reads
            if read.partition.endpoint.table == table
            and self.results[table].parent_status != "failed"
            and is_whole(self.reader, read)
            and (self.options.accept_deletes or self._is_first(read, reads_all=reads_all))
        ]

    def _is_first(self, read: PartitionResult, *, reads_all: bool) -> bool:
        is_first = any(one.before is None or one.before.last_complete_at is None for one in read.lists)
        return all(one.is_same_key for one in read.lists) and (reads_all or is_first)

    # -- rows to write

    @property
    def rows_to_write(self) -> int:
        """Return the number of rows in all deltas, child rows not counted; needs `run`."""
        return sum(result.counts.written for result in self.results.values())

    def target_tables(self) -> Iterator[TargetTable]:
        """Yield every table that this extraction may write: parents before children, people last."""
        for changes in (*self.changes.values(), self.people):
            yield from target_tables(changes)

    def delta(self, table: str) -> Delta | None:
        """Return what is to be written of a table or child table, None if nothing; calls `run`."""
        self.run()
        target = next(target for target in self.target_tables() if target.table == table)
        if not self.results[target.parent].counts.written:
            return None
        return delta(self.people if target.parent == PEOPLE.table else self.changes[target.parent], target)

    def fail(self, table: str, detail: str) -> None:
        """Fail a table whose rows were not written: its lists keep their old positions.

        If people fail, no list's position changes: an incremental walk would not name a lost person again.
        """
        result = self.results[table]
        result.counts = Counts()
        result.parent_status = "failed"
        result.lists = [one.failed(detail) for one in result.lists]
        for affected in self.results.values() if table == PEOPLE.table else [result]:
            affected.lists = [replace(one, position=None) for one in affected.lists]
        result.note = "" if result.lists else detail

    def _close_connections(self) -> None:
        self.prefetcher.close()
        self.client.close()

    def close(self) -> None:
        """Close connections and the scratch database."""
        self._close_connections()
        self.scratch.close()


def _lists(reads: Iterable[PartitionResult]) -> list[ListResult]:
    return [one for read in reads for one in read.lists]


def _lists_of(endpoint: Endpoint, reads: Iterable[PartitionResult]) -> list[ListResult]:
    return _lists(read for read in reads if read.partition.endpoint is endpoint)


def _fatal(one: ListResult) -> Exception | None:
    """Return what ended a list's last walk and concerns more than this list: a refused key, a stop, a bug."""
    failure = one.last.failure if one.walks else None
    return (
        None if isinstance(failure, errors.Unavailable | errors.PageFailed | errors.Misdirected) else failure
    )


def _temporary_folder(owner: object) -> Path:
    """Return a folder that is removed with its owner: a plain dlt source is not closed by anybody."""
    folder = Path(tempfile.mkdtemp(prefix="hogsync-"))
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    return folder
