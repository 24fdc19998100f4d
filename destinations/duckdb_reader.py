"""Answers queries from a DuckDB file that is open for reading."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from destinations.reader import BATCH, Result, not_one_statement, sql_refused, values_in


@dataclass(frozen=True, slots=True)
class DuckDBReader:
    """A DuckDB file that is open for reading."""

    database: duckdb.DuckDBPyConnection

    def rows(self, sql: str) -> Result:
        with _translated():
            self._refuse_several(sql)
            cursor = self.database.execute(sql)
            described = [(str(name), str(kind)) for name, kind, *_ in cursor.description or ()]
        in_json = [kind == "JSON" for _, kind in described]
        return Result(tuple(name for name, _ in described), self._batches(in_json) if described else iter(()))

    def arrow(self, sql: str) -> pa.RecordBatchReader:
        with _translated():
            self._refuse_several(sql)
            return pa.RecordBatchReader.from_stream(self.database.sql(sql))

    def _refuse_several(self, sql: str) -> None:
        number = len(self.database.extract_statements(sql))
        if number != 1:
            raise not_one_statement(str(number or "none"))

    def _batches(self, in_json: list[bool]) -> Iterator[list[tuple[Any, ...]]]:
        with _translated(), values_in():
            while rows := self.database.fetchmany(BATCH):
                yield [_parsed(row, in_json) for row in rows]


def _parsed(row: tuple[Any, ...], in_json: list[bool]) -> tuple[Any, ...]:
    """Return a row with parsed JSON: DuckDB returns JSON as text, Postgres as its content."""
    return tuple(json.loads(v) if j and isinstance(v, str) else v for v, j in zip(row, in_json, strict=True))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except duckdb.InterruptException:
        raise KeyboardInterrupt from None
    except duckdb.Error as error:
        message, _, below = str(error).strip().partition("\n")
        raise sql_refused(message or type(error).__name__, below.strip("\n")) from None
