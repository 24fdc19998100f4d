"""A bare dlt run of exactly the rows that a sync has just written. `python -m … take|load WAREHOUSE FOLDER`.

`take` copies the rows of the last sync out of its warehouse, before anything is timed; `load` is the contender: it
upserts them into a warehouse that holds all the other rows already, as parquet, with dlt's schema read back first.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

COLUMNS = """
    select table_name, column_name, lower(data_type) from information_schema.columns
    where table_schema = 'posthog' and left(table_name, 1) <> '_'
    and column_name <> '_dlt_load_id' order by 1, ordinal_position
"""
JSON = ("json", "jsonb")
RELATIONAL = "dlt.common.normalizers.json.relational"


def take(warehouse: str, folder: Path) -> None:
    """Every table's rows of the last sync as a parquet file, and a word on each."""
    ask = _asker(warehouse)
    tables: dict[str, dict[str, str]] = {}
    for table, column, kind in zip(*ask(COLUMNS).to_pydict().values(), strict=True):
        tables.setdefault(table, {})[column] = kind
    tables = {
        table: columns for table, columns in tables.items() if "_synced_at" in columns
    }  # dlt writes no others
    latest = " union all ".join(f"select max(_synced_at) as latest from posthog.{table}" for table in tables)
    for table, columns in tables.items():
        named = ", ".join(
            f'cast("{name}" as varchar) as "{name}"' if kind in JSON else f'"{name}"'
            for name, kind in columns.items()
        )
        rows = ask(
            f"select {named} from posthog.{table} where _synced_at = (select max(latest) from ({latest}) all_tables)"
        )
        if rows.num_rows:
            pq.write_table(rows, folder / f"{table}.parquet")
            hints = {name: {"data_type": "json"} for name, kind in columns.items() if kind in JSON}
            (folder / f"{table}.json").write_text(json.dumps({"key": _key(table), "hints": hints}))


def _key(table: str) -> list[str]:
    from sources.posthog.catalogue import ENDPOINTS, PEOPLE

    parent, _, child = table.partition("__")
    endpoint = PEOPLE if parent == PEOPLE.table else ENDPOINTS[parent]
    return [*endpoint.key, *(["position"] if child else [])]


def _asker(warehouse: str) -> Callable[[str], pa.Table]:
    if warehouse.startswith("duckdb:///"):
        import duckdb

        file = duckdb.connect(warehouse.removeprefix("duckdb:///"), read_only=True)
        return lambda sql: file.sql(sql).to_arrow_table()
    from adbc_driver_postgresql import dbapi

    cursor = dbapi.connect(warehouse).cursor()

    def ask(sql: str) -> pa.Table:
        cursor.execute(sql)
        return cursor.fetch_arrow_table()

    return ask


def load(warehouse: str, folder: Path) -> None:
    """Upsert what was taken."""
    import dlt

    for name, value in {"normalize.parquet_normalizer.add_dlt_load_id": True, "load.workers": 4}.items():
        dlt.config[name] = value

    @dlt.source(
        schema=dlt.Schema("bench", normalizers={"names": "direct", "json": {"module": RELATIONAL}}),
        max_table_nesting=0,
    )
    def taken() -> Any:
        for file in sorted(folder.glob("*.parquet")):
            word = json.loads(file.with_suffix(".json").read_text())
            yield dlt.resource(
                [pq.read_table(file)],
                name=file.stem,
                primary_key=word["key"],
                columns=word["hints"],
                write_disposition={"disposition": "merge", "strategy": "upsert"},
            )

    place = warehouse.removeprefix("duckdb:///")
    to = dlt.destinations.postgres(warehouse) if place == warehouse else dlt.destinations.duckdb(place)
    where = str(Path.cwd() / "dlt")
    pipeline = dlt.pipeline("bench", destination=to, dataset_name="posthog", pipelines_dir=where)
    pipeline.sync_destination()
    pipeline.run(taken(), loader_file_format="parquet")


if __name__ == "__main__":
    {"take": take, "load": load}[sys.argv[1]](sys.argv[2], Path(sys.argv[3]))
