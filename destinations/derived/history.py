"""Derives the versions of a table's rows, by comparing them with their latest versions.

Rows of the source -> one `insert` of new versions, one `update` that ends the versions before them.

A version is valid from `valid_from` to `valid_to`; the current version has no `valid_to`. A deletion is a version
(`op` is `delete`) whose `valid_from` equals its `valid_to`. Only current versions are changed. A version begins at the
start of the run, and at least a microsecond after the row's last version, because a clock may go back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from destinations.derived.derived import Rows, columns_of, equal, timestamp
from destinations.warehouse import Types, Warehouse, quoted

VERSION: Types = {"valid_from": "timestamp", "valid_to": "timestamp", "op": "text"}
"""The columns that a version has besides those of its row."""
OWN = "__own"
"""Ends the name of a column that would otherwise be named like one of these, or like a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A table's history: its columns and child lists, and the columns whose changes make no version."""

    target: str
    source: str
    source_key: tuple[str, ...]
    values: Types
    """The row's own columns, with its key."""
    lists: Mapping[str, Types]
    """Child lists and the columns of their items: `value` alone, or the columns of an object."""
    volatile: frozenset[str] = frozenset()
    """Columns that change by themselves; they may differ from those of the current version."""

    @property
    def children(self) -> tuple[str, ...]:
        """The child tables."""
        return tuple(f"{self.source}__{name}" for name in self.lists)

    @property
    def key(self) -> tuple[str, ...]:
        """The row's key and the beginning of the version."""
        return (*self.source_key, "valid_from")

    @property
    def named(self) -> dict[str, str]:
        """The source's columns with their names here."""
        return named(self.values, self.lists)

    @property
    def columns(self) -> Types:
        """The source's columns, its child lists as JSON, and the columns of a version."""
        own = {here: self.values[name] for name, here in self.named.items()}
        return {**own, **dict.fromkeys(self.lists, "json"), **VERSION}

    def derive(self, warehouse: Warehouse, rows: Rows, begins: datetime | None = None) -> bool:
        """Add the new versions of these rows, and close those before them; a transaction must be open.

        `begins` is the time of its beginning, if it begins now; returns whether it did: a history with versions began
        earlier. The versions of its beginning begin together: when a row was written does not tell when it came.
        """
        if not warehouse.rows(f"select 1 from {warehouse.name(self.target)} limit 1"):
            warehouse.execute(self._additions(warehouse, rows, begins, empty=True))
            warehouse.index_key(self.target, self.key)  # after the rows: this is faster for the first load
            return begins is not None
        if not rows.few:
            warehouse.analyze(self.source, ("_synced_at", "_dlt_load_id"))
        warehouse.index_key(self.target, self.key)
        warehouse.execute(self._additions(warehouse, rows))
        warehouse.execute(self._closing(warehouse, rows))
        return False

    def fill(self, warehouse: Warehouse, lost: Types) -> None:
        """Add dropped columns again and fill them in current versions from the source, all or nothing.

        Without the values every row would get a new version that differs in nothing else.
        """
        add = [
            warehouse.add_column_sql(self.target, name, warehouse.types[type_])
            for name, type_ in lost.items()
        ]
        warehouse.alter_table(self.target, *add, self._filling(warehouse, lost))

    def restate(self, warehouse: Warehouse, columns: Iterable[str]) -> None:
        """Let current versions say of some columns what the source says now, although nobody changed them."""
        warehouse.execute(self._filling(warehouse, columns))

    def _filling(self, warehouse: Warehouse, columns: Iterable[str]) -> str:
        source = warehouse.name(self.source)
        return f"""
            update {warehouse.name(self.target)} o set {", ".join(f"{quoted(n)} = v.{quoted(n)}" for n in columns)}
            from (
                select {self._values()} from {source} t
                {"".join(self._list(warehouse, name, source) for name in self.lists)}
                where t._deleted_at is null) v
            where {equal("o", "v", self.source_key)} and o.valid_to is null
            """

    def end_missing(
        self, warehouse: Warehouse, partitions: Sequence[Mapping[str, Any]], moment: datetime
    ) -> None:
        """Close the current versions of rows that the source lacks, with a tombstone; a transaction must be open.

        `partitions` are those that the source holds completely, as values by column of the source's key.
        """
        own = ", ".join(f"o.{quoted(name)}" for name in partitions[0])
        values = ", ".join(f"({', '.join([warehouse.placeholder] * len(one))})" for one in partitions)
        history, columns = warehouse.name(self.target), [n for n in self.columns if n not in VERSION]
        gone = f"""
            where o.valid_to is null and not exists (
                select 1 from {warehouse.name(self.source)} t where {equal("t", "o", self.source_key)})
            {f"and ({own}) in ({values})" if own else ""}
            """
        end = f"greatest({timestamp(moment)}, o.valid_from + interval '1 microsecond')"
        parameters = [value for one in partitions for value in one.values()]
        warehouse.execute(
            f"insert into {history} ({', '.join(map(quoted, (*columns, *VERSION)))}) "
            f"select {columns_of('o', columns)}, {end}, {end}, 'delete' from {history} o {gone}",
            parameters,
        )
        warehouse.execute(f"update {history} o set valid_to = {end} {gone}", parameters)

    def _additions(
        self, warehouse: Warehouse, rows: Rows, begins: datetime | None = None, *, empty: bool = False
    ) -> str:
        """Return the insert of rows and deletions that differ from their latest version."""
        history = warehouse.name(self.target)
        past = f"(select * from {history} where false)" if empty else history
        names = ", ".join(map(quoted, (*self.named.values(), *self.lists)))
        next_time = "greatest(t._synced_at, p.latest + interval '1 microsecond')"
        began = timestamp(begins) if begins else next_time
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
                    else o.valid_from is null or {self._differs(warehouse)} end) v
            """

    def _values(self) -> str:
        lists = [f"{quoted(name)}.items as {quoted(name)}" for name in self.lists]
        return ", ".join([f"t.{quoted(n)} as {quoted(here)}" for n, here in self.named.items()] + lists)

    def _compared(self, warehouse: Warehouse, rows: Rows, past: str) -> str:
        """Return the join of each row `t` with its latest version's time `p`, its current version `o` and its lists."""
        source, key = warehouse.name(self.source), self.source_key
        some = f"(select t.* from {source} t where {rows.condition})"
        return f"""
                from {source} t
                left join (
                    select {columns_of("t", key)}, max(h.valid_from) as latest
                    from {past} h join {some} t on {equal("h", "t", key)}
                    group by {columns_of("t", key)}) p on {equal("p", "t", key)}
                left join {past} o on {equal("o", "p", key)} and o.valid_from = p.latest and o.valid_to is null
                {"".join(self._list(warehouse, name, some) for name in self.lists)}"""

    def _list(self, warehouse: Warehouse, name: str, some: str) -> str:
        """Return the join of a child list as JSON: items that are live with their row, or were deleted with it."""
        key, columns = self.source_key, {c: f"c.{quoted(c)}" for c in self.lists[name]}
        columns |= {
            c: warehouse.iso(columns[c]) for c, type_ in self.lists[name].items() if type_ == "timestamp"
        }
        pairs = ", ".join(f"'{column}', {value}" for column, value in columns.items())
        item = columns["value"] if [*columns] == ["value"] else f"{warehouse.json_object}({pairs})"
        return f"""
                left join (
                    select {columns_of("t", key)}, {warehouse.json_list(item, "c.position")} as items
                    from {some} t join {warehouse.name(f"{self.source}__{name}")} c
                        on {equal("c", "t", key)} and c._deleted_at is not distinct from t._deleted_at
                    group by {columns_of("t", key)}) {quoted(name)} on {equal(quoted(name), "t", key)}"""

    def _differs(self, warehouse: Warehouse) -> str:
        """Return the condition that a live row differs from its current version."""
        compared = [name for name in self.values if name not in {*self.volatile, *self.source_key}]
        pairs = [(f"t.{quoted(n)}", f"o.{quoted(self.named[n])}", self.values[n]) for n in compared]
        pairs += [(f"{quoted(name)}.items", f"o.{quoted(name)}", "json") for name in self.lists]
        as_text = {"json": warehouse.json_text}
        differing = (
            f"{now}{as_text.get(type_, '')} is distinct from {then}{as_text.get(type_, '')}"
            for now, then, type_ in pairs
        )
        return " or ".join(differing) or "false"

    def _closing(self, warehouse: Warehouse, rows: Rows) -> str:
        history, key = warehouse.name(self.target), self.source_key
        return f"""
            update {history} o set valid_to = n.valid_from from {warehouse.name(self.source)} t, {history} n
            where {rows.condition} and {equal("o", "t", key)} and {equal("n", "t", key)}
                and o.valid_to is null and n.valid_from > o.valid_from
            """


def named(columns: Iterable[str], lists: Iterable[str]) -> dict[str, str]:
    """Return the names of source columns in a history with these child lists."""
    taken = {*VERSION, *lists}
    return {name: f"{name}{OWN}" if name in taken else name for name in columns}
