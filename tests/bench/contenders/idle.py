"""What dlt takes to do nothing: its import and an empty run. `python -m tests.bench.contenders.idle WAREHOUSE`."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    import dlt

    warehouse = sys.argv[1]
    place = warehouse.removeprefix("duckdb:///")
    to = dlt.destinations.postgres(warehouse) if place == warehouse else dlt.destinations.duckdb(place)
    dlt.pipeline("idle", destination=to, dataset_name="idle", pipelines_dir="idle").run(
        [], table_name="nothing"
    )
