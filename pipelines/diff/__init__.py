"""`hogsync diff`: compares each table's versions of some time with those of now."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from destinations.derived.derived import columns_of, equal
from destinations.warehouse import quoted
from pipelines.bookkeeping.schema import META
from pipelines.diff.found import Changed, Diff, TableDiff
from pipelines.diff.history_start import HistoryStart, history_start
from pipelines.errors import UsageError
from pipelines.query.cells import plain
from pipelines.query.query import Ask, asking
from pipelines.settings.since import past
from pipelines.sync.derive import derived_until_key
from pipelines.sync.selection import known_tables
from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.shape.undeclared import VARIANT

if TYPE_CHECKING:
    from pipelines.settings import Settings

SPAN = ("valid_from", "valid_to", "op")


def diff(settings: Settings, tables: Sequence[str], since: str) -> Diff:
    """Return what changed in these tables, or in all that have a history; only reads.

    Raises UsageError for an invalid time or an unknown table, WarehouseProblem if the warehouse cannot be read.
    """
    moment = past("--since", since, datetime.now(UTC))
    wanted = [_endpoint(name) for name in known_tables(tables)]
    with asking(settings) as ask:
        columns = _columns(ask, settings)
        there = [one for one in ENDPOINTS.values() if one.history in columns]
        missing = [one for one in wanted if one not in there]
        if missing or not there:
            what = f" of {missing[0].table}" if missing else ""
            raise UsageError(
                f"The dataset {settings.dataset} in {settings.warehouse.label} has no history{what} yet; "
                f"`hogsync sync{settings.options}` makes it where [history] in the settings allows."
            )
        behind = _behind(ask) if META in columns else set()
        begun = [history_start(ask, one, columns) for one in wanted or there]
        found = [_compared(ask, one, columns[one.endpoint.history], moment) for one in begun]
        for one in found:
            one.behind = one.endpoint.history in behind
        return Diff(moment, found)


def _behind(ask: Ask) -> set[str]:
    """Return the histories that miss versions of loaded rows."""
    marks = ask(f"select key from {META} where key like '% until' and value = ''")
    return {key.removesuffix(derived_until_key("")) for (key,) in marks}


def _endpoint(name: str) -> Endpoint:
    endpoint = ENDPOINTS[name]
    if not endpoint.history:
        raise UsageError(
            f"{name} has no history, because its rows are events; ask for their own dates by `hogsync query`."
        )
    return endpoint


def _columns(ask: Ask, settings: Settings) -> dict[str, list[str]]:
    listed = "array_agg(column_name::text order by ordinal_position) from information_schema.columns"
    where = f"where table_schema = '{settings.dataset}' group by table_name"
    return dict(ask(f"select table_name::text, {listed} {where}"))


def _compared(ask: Ask, begun: HistoryStart, columns: Sequence[str], since: datetime) -> TableDiff:
    """Return a table's rows that differ; rows older than the history count as present at its beginning."""
    moment = max(since, begun.at or since)
    found = TableDiff(begun.endpoint, begun.at, begun.late(moment))
    names = _comparable(begun.endpoint, columns)
    for first, last, *values in ask(_question(begun.endpoint, names, moment, late=bool(found.late))):
        then, now = _row(names, values[: len(names)]), _row(names, values[len(names) :])
        if first is None or (first > moment and not begun.found(then, first)):
            found.added += [now] if last else []
        elif not last:
            found.removed.append(then)
        elif different := {n: (then[n], now[n]) for n in now if _text(then[n]) != _text(now[n])}:
            found.changed.append(Changed(now, different))
    return found


def _comparable(endpoint: Endpoint, columns: Sequence[str]) -> list[str]:
    """Return the columns whose changes are reported, including those for values that do not fit."""
    return [
        name for name in columns if name not in SPAN and name.removesuffix(VARIANT) not in endpoint.volatile
    ]


def _row(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """Return a row with each value under its field's name, whichever column holds it."""
    stored = dict(zip(names, values, strict=True))
    beside = {name: stored.get(f"{name}{VARIANT}") for name in names}
    fields = [name for name in names if name.removesuffix(VARIANT) not in stored.keys() - {name}]
    return {name: beside[name] if stored[name] is None else stored[name] for name in fields}


def _question(endpoint: Endpoint, names: Sequence[str], since: datetime, *, late: bool) -> str:
    """Return the query for rows that existed then, exist now, or both in another version.

    With `late`, a row that came later is paired with its first version: it may have existed all along.
    """
    moment, history = f"timestamptz '{since.isoformat()}'", endpoint.history
    order = ", ".join(f"coalesce(a.{name}, b.{name})" for name in map(quoted, endpoint.key))
    first = f"""
            union all select * from {history} h where valid_from > {moment} and op = 'insert' and not exists (
                select 1 from {history} e where {equal("e", "h", endpoint.key)} and e.valid_from < h.valid_from)"""
    return f"""
        select a.valid_from, b.valid_from, {columns_of("a", names)}, {columns_of("b", names)}
        from (
            select * from {history} where valid_from <= {moment} and (valid_to > {moment} or valid_to is null)
            {first if late else ""}) a
        full join (select * from {history} where valid_to is null) b on {equal("a", "b", endpoint.key)}
        where a.valid_from is distinct from b.valid_from or a.valid_from > {moment} order by {order}
        """


def _text(value: Any) -> str:
    return json.dumps(plain(value), sort_keys=True)
