"""History: the versions that a table's rows have had, found by comparing the table with the latest versions.

A version holds from `valid_from` to `valid_to`, the living one without an end; a death is a version of its own, `op`
delete, that holds no time at all. What is no row's living version is never changed again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from destinations.derived import Rows, listed, same
from destinations.warehouse import Types, Warehouse, quoted

VERSION: Types = {"valid_from": "timestamp", "valid_to": "timestamp", "op": "text"}
"""What a version has besides its row's columns."""
DERIVABLE = {
    "valid_to": "case when op = 'delete' then valid_from else lead(valid_from) over versions end",
    "op": "case when valid_to = valid_from then 'delete' "
    "when lag(coalesce(valid_to = valid_from, false), 1, true) over versions then 'insert' else 'update' end",
}
"""Those of them that the others tell, as long as these are there: only a death ends as it begins."""
OWN = "__own"
"""Ends the name of a column that would otherwise be named like one of these, or like a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A table's history: of which columns and split lists, and which of the columns make no version."""

    target: str
    source: str
    source_key: tuple[str, ...]
    values: Types
    """The row's own columns, its key among them."""
    lists: Mapping[str, Sequence[str]]
    """Split lists and what their items hold: `value` alone, or the columns of an object."""
    quiet: frozenset[str] = frozenset()
    """Columns that may differ from those of the living version, because they move by themselves."""

    primary: bool = False

    @property
    def children(self) -> tuple[str, ...]:
        """The tables of the split lists."""
        return tuple(f"{self.source}__{name}" for name in self.lists)

    @property
    def key(self) -> tuple[str, ...]:
        """The row's key and when the version began."""
        return (*self.source_key, "valid_from")

    @property
    def named(self) -> dict[str, str]:
        """The source's columns and their names here."""
        return named(self.values, self.lists)

    @property
    def columns(self) -> Types:
        """The source's columns, its split lists as JSON, and what a version has."""
        own = {here: self.values[name] for name, here in self.named.items()}
        return {**own, **dict.fromkeys(self.lists, "json"), **VERSION}

    def statements(
        self, warehouse: Warehouse, rows: Rows, *, empty: bool, begins: datetime | None
    ) -> Iterator[str]:
        """Add the versions that are new, then end those that they follow.

        What a history finds at its beginning begins together: when its rows were written says nothing of when they
        came.
        """
        yield self._additions(warehouse, rows, empty=empty, begins=begins)
        if not empty:
            yield self._endings(warehouse, rows)

    def lost(self, existing: Types) -> Types:
        """Columns of its rows that it has no more; none while it is not there."""
        names = self.columns.keys() - VERSION.keys() - existing.keys() if existing else ()
        return {name: self.columns[name] for name in self.columns if name in names}

    def regain(self, warehouse: Warehouse, rows: Rows, lost: Types) -> None:
        """Give it columns anew that somebody has dropped, and the living versions their values, all at once.

        The columns alone would make a version of every row, which differs from the former in nothing. What else has
        changed of these rows makes its version first: the former one is not to have a value of now.
        """
        columns = [
            warehouse.addition(self.target, name, warehouse.types[type_]) for name, type_ in lost.items()
        ]
        some = f"(select t.* from {warehouse.name(self.source)} t where {rows.condition})"
        values = f"""
            update {warehouse.name(self.target)} o set {", ".join(f"{quoted(n)} = v.{quoted(n)}" for n in lost)}
            from (
                select {self._values()} from {some} t
                {"".join(self._list(warehouse, name, some) for name in self.lists)}
                where t._deleted_at is null) v
            where {same("o", "v", self.source_key)} and o.valid_to is null
            """
        additions = self._additions(warehouse, rows, empty=False, begins=None, silent=lost)
        warehouse.redefine(self.target, *columns, additions, self._endings(warehouse, rows), values)

    def _additions(
        self,
        warehouse: Warehouse,
        rows: Rows,
        *,
        empty: bool,
        begins: datetime | None,
        silent: Collection[str] = (),
    ) -> str:
        """Insert what is new, a living row or its death, where that is not what the latest version says.

        `silent` are columns of which that version says nothing.
        """
        history = warehouse.name(self.target)
        past = f"(select * from {history} where false)" if empty else history
        names = ", ".join(map(quoted, (*self.named.values(), *self.lists)))
        next_time = "greatest(t._synced_at, p.latest + interval '1 microsecond')"
        began = f"timestamptz '{begins.isoformat()}'" if begins else next_time
        return f"""
            insert into {history} ({names}, {", ".join(map(quoted, VERSION))})
            select {names}, _began, case when _op = 'delete' then _began end, _op
            from (
                select {self._values()},
                    {began} as _began,
                    case when t._deleted_at is not null then 'delete'
                        when o.valid_from is null then 'insert' else 'update' end as _op
                {self._compared(warehouse, rows, past)}
                where {rows.condition} and case
                    when t._deleted_at is not null then o.valid_from is not null or p.latest is null
                    else o.valid_from is null or {self._differs(warehouse, silent)} end) v
            """

    def _values(self) -> str:
        lists = [f"{quoted(name)}.items as {quoted(name)}" for name in self.lists]
        return ", ".join([f"t.{quoted(n)} as {quoted(here)}" for n, here in self.named.items()] + lists)

    def _compared(self, warehouse: Warehouse, rows: Rows, past: str) -> str:
        """Each row `t` beside the time `p` of its latest version, that version `o` if it lives, and its lists."""
        source, key = warehouse.name(self.source), self.source_key
        some = f"(select t.* from {source} t where {rows.condition})"
        return f"""
                from {source} t
                left join (
                    select {listed("t", key)}, max(h.valid_from) as latest
                    from {past} h join {some} t on {same("h", "t", key)}
                    group by {listed("t", key)}) p on {same("p", "t", key)}
                left join {past} o on {same("o", "p", key)} and o.valid_from = p.latest and o.valid_to is null
                {"".join(self._list(warehouse, name, some) for name in self.lists)}"""

    def _list(self, warehouse: Warehouse, name: str, some: str) -> str:
        """A split list as JSON: the items that live with their row, or have died with it."""
        names, key = self.lists[name], self.source_key
        pairs = ", ".join(f"'{column}', c.{quoted(column)}" for column in names)
        item = "c.value" if tuple(names) == ("value",) else f"{warehouse.json_object}({pairs})"
        return f"""
                left join (
                    select {listed("t", key)}, {warehouse.json_list(item, "c.position")} as items
                    from {some} t join {warehouse.name(f"{self.source}__{name}")} c
                        on {same("c", "t", key)} and c._deleted_at is not distinct from t._deleted_at
                    group by {listed("t", key)}) {quoted(name)} on {same(quoted(name), "t", key)}"""

    def _differs(self, warehouse: Warehouse, silent: Collection[str]) -> str:
        """That a living row is not as its living version says, of all but these columns."""
        compared = [name for name in self.values if name not in {*self.quiet, *self.source_key}]
        compared = [name for name in compared if self.named[name] not in silent]
        pairs = [(f"t.{quoted(n)}", f"o.{quoted(self.named[n])}", self.values[n]) for n in compared]
        pairs += [
            (f"{quoted(name)}.items", f"o.{quoted(name)}", "json")
            for name in self.lists
            if name not in silent
        ]
        as_text = {"json": warehouse.json_text}
        differing = (
            f"{now}{as_text.get(type_, '')} is distinct from {then}{as_text.get(type_, '')}"
            for now, then, type_ in pairs
        )
        return " or ".join(differing) or "false"

    def _endings(self, warehouse: Warehouse, rows: Rows) -> str:
        history, key = warehouse.name(self.target), self.source_key
        return f"""
            update {history} o set valid_to = n.valid_from from {warehouse.name(self.source)} t, {history} n
            where {rows.condition} and {same("o", "t", key)} and {same("n", "t", key)}
                and o.valid_to is null and n.valid_from > o.valid_from
            """


def named(columns: Iterable[str], lists: Iterable[str]) -> dict[str, str]:
    """What a history with these split lists calls columns of its source."""
    taken = {*VERSION, *lists}
    return {name: f"{name}{OWN}" if name in taken else name for name in columns}


def latest(warehouse: Warehouse, history: str, key: Sequence[str]) -> str:
    """The query for every row's latest version: the one that lives, or its death."""
    name = warehouse.name(history)
    return (
        f"(select h.* from {name} h join (select {listed('h', key)}, max(h.valid_from) as latest from {name} h "
        f"group by {listed('h', key)}) p on {same('p', 'h', key)} and h.valid_from = p.latest)"
    )


def regain_derivable(warehouse: Warehouse, history: str, key: Sequence[str], lost: str) -> None:
    """Give all versions what the others of `VERSION` tell of them, where somebody has dropped that column."""
    name, column, version = warehouse.name(history), quoted(lost), (*key, "valid_from")
    told = (
        f"select {listed('h', version)}, {DERIVABLE[lost]} as told from {name} h "
        f"window versions as (partition by {listed('h', key)} order by h.valid_from)"
    )
    warehouse.redefine(
        history,
        warehouse.addition(history, lost, warehouse.types[VERSION[lost]]),
        f"update {name} o set {column} = v.told from ({told}) v where {same('o', 'v', version)}",
    )
