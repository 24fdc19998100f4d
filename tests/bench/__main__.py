"""What a sync costs: `make bench`, or some sections: `python -m tests.bench first unchanged --rounds 5`.

Fresh processes that take turns on this machine, medians of some rounds. Ratios within one run count; seconds do not.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

from tests.bench.bench import Bench, Options
from tests.bench.sections import SECTIONS

SETTINGS = """
All read the same pages over HTTP/1.1, kept alive, from a server of its own process that holds them encoded and
compressed (gzip, level 1, as every one of them asks for) before anything is timed. Pages of 1000, no latency, unless
a section says otherwise. A process is timed from its start to its end, imports included.

  hogsync sync           its defaults; a fresh HOGSYNC_HOME, --json, event and property definitions
  floor                  hogsync's client, pagers and shape, as many in flight; `insert` from Arrow (DuckDB) or
                         ADBC's ingest (Postgres); no dlt, no comparison, no bookkeeping
  dlt rest_api, default  the lists and limit=1000, nothing else: append, insert_values, child tables
  dlt rest_api, tuned    parquet, merge by upsert, primary key, max_table_nesting=0, parallelized, extract workers 8,
                         files of 25,000 rows, normalize workers 2, load workers 4
  dlt alone              what hogsync wrote, as Arrow in memory: sync_destination, upsert, parquet, load workers 4
"""
PACKAGES = (
    "hogsync",
    "dlt",
    "duckdb",
    "pyarrow",
    "httpx",
    "msgspec",
    "adbc-driver-postgresql",
    "psycopg2-binary",
)


def main() -> None:
    """Run the sections that were asked for."""
    asked = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    asked.add_argument("sections", nargs="*", help=f"of {', '.join(SECTIONS)}; all if none is named")
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument(
        "--rows", type=int, default=200_000, help="property definitions; a quarter as many events"
    )
    asked.add_argument("--databases", default="duckdb,postgres")
    words = asked.parse_args()
    if strange := set(words.sections) - SECTIONS.keys():
        asked.error(f"there is no section {', '.join(sorted(strange))}")
    options = Options(words.rounds, words.rows, tuple(words.databases.split(",")))
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in PACKAGES))
    print(SETTINGS)
    with tempfile.TemporaryDirectory(prefix="hogsync-bench-") as folder:
        bench = Bench(options, Path(folder))
        with bench.running:
            for name in words.sections or SECTIONS:
                SECTIONS[name](bench)


if __name__ == "__main__":
    main()
