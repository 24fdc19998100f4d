"""One run's reading of PostHog: which scopes there are, parents before children, several in flight.

`Reading.read` asks for the key, then organizations, then everything below them; afterwards the deltas stand ready,
and `tables` says what came of each table. Trouble with one list never stops the others.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow as pa

from sources.posthog.catalogue import ENDPOINTS, PEOPLE, parent_of, stamp_types, with_parents
from sources.posthog.changes import Changes, Counts, Known, Workspace
from sources.posthog.client import Client
from sources.posthog.endpoint import Endpoint, Stamps, Type, placeholders, query
from sources.posthog.errors import KeyRefused, Misdirected, PageFailed, PostHogError, Stopped
from sources.posthog.key import Key, current_key
from sources.posthog.privacy import Policy
from sources.posthog.shape import Row, Shape
from sources.posthog.walk import Listed, Listing, Memory, Reader, Rules, Scope

Status = Literal["loaded", "unchanged", "unavailable", "failed"]


class Warehouse(Known, Memory, Protocol):
    """What the warehouse holds and what it remembers of earlier walks."""


@dataclass(slots=True)
class TableResult:
    """What came of one table in a run."""

    table: str
    listed: list[Listed] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    requests: int = 0
    pages: int = 0
    rows_read: int = 0
    trouble: str = ""
    blocked: Literal["", "unavailable", "failed"] = ""
    """Set where no list could be asked for, because the parents were not to be had."""
    parents_complete: bool = True

    def count(self, status: str) -> int:
        """How many lists ended so."""
        return sum(one.status == status for one in self.listed)

    @property
    def status(self) -> Status:
        """The table's one word."""
        if self.blocked == "failed" or self.count("failed"):
            return "failed"
        if self.blocked or (self.listed and self.count("unavailable") == len(self.listed)):
            return "unavailable"
        return "loaded" if self.counts.written else "unchanged"

    @property
    def complete(self) -> bool:
        """Whether every list of the table was read completely, proven."""
        return self.parents_complete and not self.blocked and all(one.complete for one in self.listed)

    @property
    def deletes_held(self) -> int:
        """Deaths that are not believed yet."""
        return sum(one.held for one in self.listed)

    @property
    def detail(self) -> str:
        """What a person should know, each thing once."""
        said = dict.fromkeys(filter(None, [self.trouble, *(one.detail for one in self.listed)]))
        first, more = list(said)[:3], len(said) - 3
        return "; ".join(first) + (f"; and {more} more" if more > 0 else "")


@dataclass(frozen=True, slots=True)
class Outline:
    """A table or child table that a reading may write."""

    table: str
    key: tuple[str, ...]
    columns: Mapping[str, Type]
    parent: str
    """The table whose result speaks for this one: itself, or a child's parent."""


@dataclass(frozen=True, slots=True)
class Delta:
    """What is to be written of one table: whole rows, a row per key."""

    outline: Outline
    batches: Iterator[pa.Table]


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
    ) -> None:
        """`folder` takes what does not fit in memory; `projects` narrows the reading to these ids."""
        self.client = client
        self.tables = with_parents(tuple(tables))
        self.known = known
        self.rules = rules
        self.projects = frozenset(projects)
        self.in_flight = in_flight
        self.results = {table: TableResult(table) for table in (*self.tables, PEOPLE.table)}
        self.refusal: PostHogError | None = None
        self._owned = tempfile.TemporaryDirectory(prefix="hogsync-") if folder is None else None
        self.workspace = Workspace(folder or Path(self._owned.name if self._owned else "."))
        self.changes = {table: self._changes(ENDPOINTS[table], policy) for table in self.tables}
        self.people = self._changes(PEOPLE, policy)
        self.reader = Reader(self._get, self.changes, known, rules, fingerprint="")
        self.reader.observers.append(self._note_level)
        self.key: Key | None = None
        self._levels: dict[str, int] = {}

    def _changes(self, endpoint: Endpoint, policy: Policy) -> Changes:
        shape = Shape(endpoint, policy, stamp_types(endpoint), self.known.columns(endpoint.table))
        return Changes(self.workspace, shape, self.known, self.rules.started)

    def _get(self, path: str, params: Mapping[str, str | int]) -> Any:
        return self.client.get(path, params)

    # -- reading

    def read(self) -> None:
        """Read all lists, once; raises KeyRefused or Misdirected only if nothing could be read at all."""
        if self.key is not None:
            return
        self.key = current_key(self._get)
        organizations = self._root(ENDPOINTS["organizations"])
        self._note(self.reader.read(organizations))
        self.reader.fingerprint = self.key.fingerprint(self._levels)
        roots = [self._root(ENDPOINTS[t]) for t in self.tables if t != "organizations" and not ENDPOINTS[t].placeholders]
        self._in_flight([*roots, *self._below(organizations, self._listed(organizations)), *self._own_projects()])
        self._end_orphans()
        self._note_blocked()
        self._gather_people()
        self._settle()
        self.client.close()

    def _in_flight(self, scopes: Iterable[Scope]) -> None:
        """Read scopes and whatever turns up below them, as many at a time as allowed."""
        pool = ThreadPoolExecutor(self.in_flight, thread_name_prefix="hogsync-list")
        running: dict[Future[list[Listed]], Scope] = {pool.submit(self._read, scope): scope for scope in scopes}
        try:
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    scope = running.pop(future)
                    listed = self._outcome(future, scope)
                    self._note(listed)
                    running |= {pool.submit(self._read, s): s for s in self._below(scope, listed)}
        finally:
            if running:
                self.client.stop()
            pool.shutdown(wait=False, cancel_futures=True)

    def _read(self, scope: Scope) -> list[Listed]:
        return self.reader.read(scope, self._children(scope.endpoint))

    def _outcome(self, future: Future[list[Listed]], scope: Scope) -> list[Listed]:
        """A scope's lists; a refusal of the key in mid-run fails the rest of them and is remembered."""
        try:
            return future.result()
        except (KeyRefused, Misdirected, Stopped) as trouble:
            if not isinstance(trouble, Stopped):
                self.refusal = self.refusal or trouble
                self.client.stop()
            said = str(self.refusal or trouble)
            return [Listed(listing, status="failed", detail=said) for listing in scope.listings]

    def _note(self, listed: Iterable[Listed]) -> None:
        for one in listed:
            self.results[one.listing.endpoint.table].listed.append(one)

    def _listed(self, scope: Scope) -> list[Listed]:
        return self.results[scope.endpoint.table].listed

    # -- which scopes

    def _root(self, endpoint: Endpoint) -> Scope:
        return self._scopes(endpoint, None, {})[0]

    def _own_projects(self) -> list[Scope]:
        """The projects of a key that is scoped to them: it may not list them, each is asked for by its id."""
        if "projects" not in self.tables or not self.key or not self.key.projects:
            return []
        wanted = [p for p in self.key.projects if not self.projects or p in self.projects]
        return [Scope(ENDPOINTS["projects"], {}, (self._project_detail(p),)) for p in wanted]

    def _project_detail(self, project: int) -> Listing:
        return Listing(ENDPOINTS["projects"], f"projects/{project}/", {"project_id": project}, "object")

    def _scopes(self, endpoint: Endpoint, parent: Endpoint | None, ids: Stamps) -> list[Scope]:
        """An endpoint's scopes below one parent row: its lists, those of the same rows together."""
        grouped: dict[tuple[tuple[str, Any], ...], list[Listing]] = {}
        for path in endpoint.paths:
            if parent_of(path) is parent:
                stamps = {name: ids[name] for name in placeholders(path)}
                filled = path.format_map(ids)
                stamps |= {n: v for n, v in query(filled).items() if n in endpoint.key and n not in stamps}
                grouped.setdefault(tuple(stamps.items()), []).append(Listing(endpoint, filled, stamps, endpoint.pages))
        return [Scope(endpoint, dict(stamps), tuple(lists)) for stamps, lists in grouped.items()]

    def _below(self, scope: Scope, listed: Sequence[Listed]) -> list[Scope]:
        """The scopes below every row that a scope's walks have seen."""
        parent = scope.endpoint
        children = [e for t in self.tables if parent in map(parent_of, (e := ENDPOINTS[t]).paths)]
        if not children:
            return []
        return [s for ids in self._parent_ids(scope, listed) for child in children for s in self._scopes(child, parent, ids)]

    def _parent_ids(self, scope: Scope, listed: Sequence[Listed]) -> Iterator[Stamps]:
        parent = scope.endpoint
        if listed and listed[0].listing.pages == "object" and listed[0].status != "failed":
            yield listed[0].listing.stamps  # a project that may not be looked at may still be read
            return
        for key in self.changes[parent.table].keys([walk.id for one in listed for walk in one.walks]):
            if parent.table != "projects" or not self.projects or key["id"] in self.projects:
                yield {**scope.stamps, parent.reference: key[parent.key[-1]]}

    def _children(self, parent: Endpoint) -> list[tuple[Changes, Sequence[str]]]:
        """The tables below a parent, with the columns that name it."""
        return [
            (self.changes[child], placeholders(path))
            for child in self.tables
            for path in ENDPOINTS[child].paths
            if parent.mortal and parent_of(path) is parent
        ]

    def _note_level(self, endpoint: Endpoint, rows: Sequence[Row]) -> None:
        """The owner's level in each organization is part of what decides which rows the key sees."""
        if endpoint.table == "organizations":
            self._levels |= {row.values["id"]: row.values.get("membership_level", 0) for row in rows}

    # -- concluding

    def _end_orphans(self) -> None:
        for table in self.tables:
            for child, columns in self._children(ENDPOINTS[table]):
                child.end_below(self.changes[table], columns)

    def _note_blocked(self) -> None:
        """Parents' trouble is their children's: what could not be asked for is not complete."""
        for table in self.tables:
            result = self.results[table]
            parents = [self.results[p.table] for path in ENDPOINTS[table].paths if (p := parent_of(path))]
            result.parents_complete = all(parent.complete for parent in parents)
            troubled = [p for status in ("failed", "unavailable") for p in parents if p.status == status]
            if troubled and not result.listed:
                result.blocked = "failed" if troubled[0].status == "failed" else "unavailable"
                result.trouble = f"needs {troubled[0].table}: {troubled[0].detail}"
        self.results[PEOPLE.table].parents_complete = all(self.results[t].complete for t in self.tables)

    def _gather_people(self) -> None:
        """Everybody met becomes a row; what a poorer source did not send stays as it is stored."""
        met = self.reader.people.everybody()
        fields = [f.name for f in PEOPLE.fields]
        lacking = [{"id": p["id"]} for p in met if any(name not in p for name in fields)]
        stored = self.known.rows(PEOPLE.table, pa.Table.from_pylist(lacking)).to_pylist() if lacking else []
        before = {row["id"]: row for row in stored}
        rows = []
        for person in met:
            complete = {name: person[name] if name in person else before.get(person["id"], {}).get(name) for name in fields}
            with suppress(KeyError):
                rows.append(self.people.shape.row(complete, {}))
        self.people.add(rows, walk=0)
        self.results[PEOPLE.table].rows_read = len(rows)

    def _settle(self) -> None:
        for table, changes in [*self.changes.items(), (PEOPLE.table, self.people)]:
            result = self.results[table]
            result.counts = changes.settle()
            addresses = {one.listing.address for one in result.listed}
            result.requests = sum(self.client.requests_to(address) for address in addresses)
            result.pages = sum(one.pages for one in result.listed)
            result.rows_read += sum(one.rows for one in result.listed)
        self._note_unreachable()

    def _note_unreachable(self) -> None:
        for table in ("organizations", "projects"):
            result = self.results.get(table)
            gone = self.changes[table].unseen() if result and result.complete and not self.projects else []
            if result and gone:
                names = ", ".join(str(key[-1]) for key in gone[:5])
                result.trouble = f"unreachable, rows kept: {names} (`hogsync retire` ends them)"

    # -- what is to be written

    @cached_property
    def written(self) -> int:
        """Rows that the deltas hold, children not counted."""
        return sum(result.counts.written for result in self.results.values())

    def outlines(self) -> Iterator[Outline]:
        """Every table that this reading may write: parents before children, people last."""
        for changes in (*self.changes.values(), self.people):
            table, key = changes.table, changes.shape.key
            yield Outline(table, key, changes.columns(), table)
            for name in changes.shape.child_columns:
                yield Outline(changes.child_table(name), (*key, "position"), changes.child_columns(name), table)

    def delta(self, table: str) -> Delta | None:
        """What is to be written of a table or child table, None if nothing; reads PostHog if nobody has yet."""
        self.read()
        outline = next(outline for outline in self.outlines() if outline.table == table)
        if not self.results[outline.parent].counts.written:
            return None
        changes = self.people if outline.parent == PEOPLE.table else self.changes[outline.parent]
        child = table.removeprefix(f"{outline.parent}__")
        return Delta(outline, changes.delta() if child == table else changes.child_delta(child))

    def close(self) -> None:
        """Throw the working data away."""
        self.workspace.close()
        if self._owned:
            self._owned.cleanup()
