"""One run's reading of PostHog: which scopes there are, parents before children, several in flight.

`Reading.read` asks for the key, then organizations, then everything below them; afterwards every table's delta stands
ready, and `results` says what came of each. Trouble with one list never stops the others.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

from sources.posthog.catalogue import ENDPOINTS, PEOPLE, parent_of, stamp_types, with_parents
from sources.posthog.catalogue.endpoint import Endpoint, placeholders
from sources.posthog.changes.delta import Delta, Outline, delta, outlines
from sources.posthog.changes.scratch import Workspace
from sources.posthog.changes.stored import Known
from sources.posthog.changes.table_changes import Below, Changes, Counts
from sources.posthog.client.client import Client
from sources.posthog.errors import KeyRefused, NoRoom, PostHogError, Stopped
from sources.posthog.extract.api_key import Key, current_key
from sources.posthog.extract.checkpoints import NO_JOURNAL, Journal
from sources.posthog.extract.data_warnings import enumerated, oddities
from sources.posthog.extract.deletes import conclude, doubted, is_believable
from sources.posthog.extract.list_reader import Walker
from sources.posthog.extract.options import Rules
from sources.posthog.extract.partitions import ORGANIZATIONS, PROJECTS, Scopes
from sources.posthog.extract.people import gathered
from sources.posthog.extract.positions import Memory
from sources.posthog.extract.results import TableResult, note_parents
from sources.posthog.extract.run_warnings import RunWarning
from sources.posthog.extract.walks import Listed, Listing, Read, Scope
from sources.posthog.paging.prefetch import Prefetcher
from sources.posthog.shape.privacy import Policy
from sources.posthog.shape.row_shape import RowShape

log = logging.getLogger("hogsync")


BROKEN = "pages of this table were lost on their way: this is a bug in hogsync"


class Warehouse(Known, Memory, Protocol):
    """What the warehouse holds and what it remembers of earlier walks."""


class Reading:
    """One run's reading: `read`, then take each table's `delta`."""

    def __init__(
        self,
        client: Client,
        tables: Sequence[str],
        *,
        known: Warehouse,
        policy: Policy,
        rules: Rules,
        folder: Path | None = None,
        projects: Iterable[int] = (),
        in_flight: int = 8,
        ahead: int = 16,
        journal: Journal = NO_JOURNAL,
    ) -> None:
        """`folder` takes what does not fit in memory; `projects` narrows the reading to these ids.

        `in_flight` lists are read at the same time, and of one list `ahead` pages; `journal` keeps what was read of
        long ones, for the case that this run is ended before its end.
        """
        self.client = client
        self.tables = with_parents(tuple(tables))
        self.known = known
        self.rules = rules
        self.scopes = Scopes(self.tables, frozenset(projects))
        self.in_flight = in_flight
        self.results = {table: TableResult(table) for table in (*self.tables, PEOPLE.table)}
        self.refusal: PostHogError | None = None
        self.workspace = Workspace(folder or _passing_folder(self))
        self.changes = {table: self._changes(ENDPOINTS[table], policy) for table in self.tables}
        for table in self.tables:
            for below in self._children(ENDPOINTS[table]):
                self.changes[table].stock.suppose_above(below.changes.stock, below.columns)
        if journal.holds():
            for changes in self.changes.values():
                changes.stock.ask_when_written()
        self.people = self._changes(PEOPLE, policy)
        self._places = threading.BoundedSemaphore(in_flight)
        self.ahead = Prefetcher(client.get, ahead - 1)
        self.walker = Walker(
            self._get,
            self.changes,
            known,
            rules,
            person=self.people.shape,
            soon=self.ahead,
            journal=journal,
        )
        self.key: Key | None = None
        self._reads: list[Read] = []

    def _changes(self, endpoint: Endpoint, policy: Policy) -> Changes:
        known, table = self.known, endpoint.table
        shape = RowShape(
            endpoint,
            policy,
            stamp_types(endpoint),
            known.columns(table),
            known.named(table),
            new_columns=self.rules.new_columns,
            theirs={*known.theirs(table), *known.theirs(endpoint.history)},
        )
        return Changes(self.workspace, shape, self.known, self.rules.started)

    def _get(self, path: str, params: Mapping[str, str | int]) -> Any:
        return self.client.get(path, params, self._places)  # waiting and decoding take no place

    # -- reading

    def read(self) -> None:
        """Read all lists, once; raises KeyRefused or Misdirected if nothing could be read at all."""
        if self.key is not None:
            return
        self.key = self.walker.sights.key = current_key(self._get)
        organizations = Scope(ORGANIZATIONS, {}, (Listing(ORGANIZATIONS, "organizations/", {}, "offset"),))
        first = Read(organizations)
        self._walk(first)
        if all(one.complete or one.status == "unavailable" for one in first.listed):
            self.walker.sights.organizations_read()
        roots = self.scopes.roots(self.key.projects)
        reads = self._in_flight(self._walk, [*map(Read, roots), *self._below(first)])
        self._reads += [first, *reads]
        while doubts := self._doubts(reads):
            found = self._in_flight(self._conclude, doubts)
            reads = [read for read in found if read.lacking is None]  # below rows that only second looks met
            self._reads += reads
        self._remember()
        self._end_orphans()
        note_parents(self.results, self.tables)
        self._gather_people()
        self._settle()
        self._hang_up()

    def _in_flight(self, task: Callable[[Read], None], reads: Iterable[Read]) -> list[Read]:
        """Do something with scopes, then read whatever turned up below them, as many at a time as allowed."""
        # Twice as many threads as lists may be on their way: the others are busy with what has come.
        pool = ThreadPoolExecutor(2 * self.in_flight, thread_name_prefix="hogsync-list")
        running: dict[Future[None], Read] = {}
        ended: SimpleQueue[Future[None]] = (
            SimpleQueue()
        )  # `wait` would look at all that run each time one ends
        finished: list[Read] = []

        def start(work: Callable[[Read], None], read: Read) -> None:
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
                self._bear(future, read)
                for below in self._below(read):
                    start(self._walk, below)
        finally:
            if running:  # a stop, or a bug: whoever waits or reads is told
                self.client.stop()
            pool.shutdown(wait=False, cancel_futures=True)
        return finished

    def _walk(self, read: Read) -> None:
        read.listed = [Listed(listing) for listing in read.scope.listings]
        for one in read.listed:
            self.walker.read(one)

    def _doubts(self, reads: Sequence[Read]) -> list[Read]:
        """The scopes that lack stored rows."""
        tables = [(ENDPOINTS[table], self._children(ENDPOINTS[table])) for table in self.tables]
        return [
            doubt
            for endpoint, below in tables
            for doubt in doubted(self.walker, (r for r in reads if r.scope.endpoint is endpoint), below)
        ]

    def _conclude(self, read: Read) -> None:
        conclude(self.walker, read, self._children(read.scope.endpoint))

    def _bear(self, future: Future[None], read: Read) -> None:
        """Fail a scope's lists if they could not be read; a refusal of the key in mid-run fails all that follow."""
        try:
            future.result()
            return
        except KeyRefused as refusal:
            self.refusal = self.refusal or refusal
            self.client.stop()
            said = str(refusal)
        except (NoRoom, MemoryError):
            raise
        except Stopped:
            said = f"not read, because the run stopped: {self.refusal or 'it was told to'}"
        except Exception as bug:
            path = read.scope.listings[0].path
            log.debug("%s", path, exc_info=bug)
            said = f"{type(bug).__name__} while {path} was read: this is a bug in hogsync"
        for one in read.listed:
            one.fail(said)

    def _remember(self) -> None:
        """Note what came of each list, and where it stands from now on."""
        lists = [one for read in self._reads for one in read.listed]
        for one in sorted(lists, key=lambda one: one.listing.path):  # what is told does not depend on threads
            broken = self.changes[one.listing.endpoint.table].broken
            if broken:  # pages of whichever list were lost on the way
                one.fail(BROKEN)
            self.results[one.listing.endpoint.table].listed.append(one)
            one.claimed = self.walker.claim(one)
            moves = one.status == "read" or self.walker.moves(one)
            if moves and not broken and not self.rules.window:
                one.position = self.walker.position(one)

    # -- which scopes there are

    def _below(self, read: Read) -> list[Read]:
        """What is to be read below every row that a scope's walks have seen."""
        endpoint, listed = read.scope.endpoint, read.listed
        if not self.scopes.children(endpoint):
            return []
        if listed and listed[0].listing.pages == "object":  # its own page refused, its lists may be read
            idents = [listed[0].listing.stamps[endpoint.own_placeholder]]
        else:
            idents = sorted(key[-1] for key in self.keys(endpoint, listed))
        below = self.scopes.below(read.scope, idents)
        reads = []
        for scope in below:
            if all(map(self.walker.spared, scope.listings)):
                self.results[scope.endpoint.table].spared += 1
            else:
                reads.append(Read(scope))
        return reads

    def keys(self, endpoint: Endpoint, listed: Sequence[Listed]) -> set[tuple[Any, ...]]:
        """The keys that these lists' walks have read; a short list's need no question to the workspace."""
        walks = [walk for one in listed for walk in one.walks]
        if any(walk.keys is None for walk in walks):
            return self.changes[endpoint.table].keys([walk.id for walk in walks])
        return set().union(*(walk.keys or () for walk in walks))

    def _children(self, parent: Endpoint) -> list[Below]:
        """The tables whose rows die with a row of this one."""
        return [
            Below(self.changes[table], placeholders(path))
            for table in self.tables
            for path in ENDPOINTS[table].paths
            if parent.detects_deletes and parent_of(path) is parent
        ]

    # -- concluding

    def _end_orphans(self) -> None:
        for table in self.tables:
            for below in self._children(ENDPOINTS[table]):
                below.changes.end_below(self.changes[table], below.columns)

    def _gather_people(self) -> None:
        """Everybody met becomes a row."""
        for batch in gathered(self.walker.people, self.people):
            self.people.add(batch, walk=0)
            self.results[PEOPLE.table].rows_read += len(batch)
            self.results[PEOPLE.table].gathered.update(batch.misfits)

    def _settle(self) -> None:
        for table, changes in [*self.changes.items(), (PEOPLE.table, self.people)]:
            result = self.results[table]
            result.counts = changes.settle()
            addresses = {address for one in result.listed for address in one.listing.addresses}
            result.requests = sum(map(self.client.requests_to, addresses))
            mended = set().union(*map(self.client.repairs_of, addresses))
            result.oddities += oddities(
                result.misfits, changes.shape.undeclared.apart, changes.shape.beyond, mended
            )
            result.pages = sum(one.pages for one in result.listed)
            result.pages_again = sum(one.pages_again for one in result.listed)
            result.rows_read += sum(one.rows for one in result.listed)
        for endpoint in (ORGANIZATIONS, PROJECTS):
            self._note_unreachable(endpoint)
        for table in self.tables:
            self._note_losses(self.results[table])

    def _note_losses(self, result: TableResult) -> None:
        """What an earlier run could read: a list stands among the positions since it first could be.

        One list of several that is not found below a row went with that row.
        """
        for one in result.listed:
            known = one.status == "unavailable" and self.known.position(one.listing.path)
            if known and (result.status == "unavailable" or not one.went_with_its_row):
                one.lose()
        if result.blocked == "unavailable" and self.known.was_read(result.table):
            text = f"could be read before and is not now: {result.note}"
            result.lost.append(RunWarning(result.table, "", "lost access", text))

    def _note_unreachable(self, endpoint: Endpoint) -> None:
        """Organizations and projects are never ended by a walk, only noted."""
        table = endpoint.table
        result = self.results.get(table)
        if result is None or not result.complete or self.scopes.projects:
            return
        gone = [key[-1] for key in self.changes[table].unseen()]
        if gone:
            result.note = f"no longer listed, rows kept: {enumerated(gone, 5)}"
            result.lost.append(RunWarning(table, f"{table}/{gone[0]}/", "lost access", result.note))

    def scopes_read(self, table: str, *, first: bool) -> list[dict[str, Any]]:
        """The scopes of a table that are known as a whole, by the key that saw them, as values of key columns.

        With `first`, those of which this was not known before: their lists were new or forgotten, or the table has lost
        rows. All of them where the user accepts deletes.
        """
        changes = self.changes[table]
        reads = [read for read in self._reads if read.scope.endpoint.table == table]
        return [
            changes.placed(read.scope.stamps)
            for read in reads
            if is_believable(self.walker, read)
            and (self.rules.accept_deletes or self._is_first(read, anew=not (first and changes.stock.whole)))
        ]

    def _is_first(self, read: Read, *, anew: bool) -> bool:
        known = [(one, self.known.position(one.path)) for one in read.scope.listings]
        same_key = all(
            it is None or it.fingerprint in (None, self.walker.sights.of(one)) for one, it in known
        )
        return same_key and (anew or any(it is None or it.last_complete_at is None for _, it in known))

    # -- what is to be written

    @cached_property
    def written(self) -> int:
        """Rows that the deltas hold, children not counted; needs `read`."""
        return sum(result.counts.written for result in self.results.values())

    def outlines(self) -> Iterator[Outline]:
        """Every table that this reading may write: parents before children, people last."""
        for changes in (*self.changes.values(), self.people):
            yield from outlines(changes)

    def delta(self, table: str) -> Delta | None:
        """What is to be written of a table or child table, None if nothing; reads PostHog if nobody has yet."""
        self.read()
        outline = next(outline for outline in self.outlines() if outline.table == table)
        if not self.results[outline.parent].counts.written:
            return None
        return delta(self.people if outline.parent == PEOPLE.table else self.changes[outline.parent], outline)

    def fail(self, table: str, said: str) -> None:
        """What came of a table is not to be had: its lists stand where they stood.

        People have no lists of their own: somebody of whom the others do not tell again would never come.
        """
        result = self.results[table]
        result.counts = Counts()
        result.blocked = "failed"
        for one in result.listed:
            one.fail(said)
        for told in self.results.values() if table == PEOPLE.table else [result]:
            for one in told.listed:
                one.position = one.held_keys = None
        result.note = "" if result.listed else said

    def _hang_up(self) -> None:
        self.ahead.close()
        self.client.close()

    def close(self) -> None:
        """Give back connections and throw the working data away."""
        self._hang_up()
        self.workspace.close()


def _passing_folder(owner: object) -> Path:
    """A folder that goes when its owner goes: a plain dlt source has nobody who closes it."""
    folder = Path(tempfile.mkdtemp(prefix="hogsync-"))
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    return folder
