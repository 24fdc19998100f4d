"""dlt's own `rest_api` source on the same lists. `python -m … URL WAREHOUSE default|tuned`.

`default` says where the lists are and how long a page is, nothing else. `tuned` is what somebody who knows dlt would
write: parquet, upsert by primary key, no child tables, every list in a thread of its own, extract files that rotate so
that two workers can normalize them, four load jobs at a time. Neither stamps parents, lifts people or splits tags.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from tests.bench.serving import KEY

PAGE = 1000
TUNED = {
    "EXTRACT__WORKERS": "8",
    "NORMALIZE__WORKERS": "2",
    "SOURCES__DATA_WRITER__FILE_MAX_ITEMS": "25000",
    "LOAD__WORKERS": "4",
}
RESOURCE = {
    "primary_key": "name",
    "write_disposition": {"disposition": "merge", "strategy": "upsert"},
    "max_table_nesting": 0,
    "parallelized": True,
}


def resources() -> list[dict[str, Any]]:
    """The first project's lists of definitions, one resource each."""
    found = [_resource("event_definitions", "event_definitions", ordering="name")]
    for kind in ("event", "person", "session", "group"):
        index = {"group_type_index": 0} if kind == "group" else {}
        found.append(_resource(f"{kind}_properties", "property_definitions", type=kind, **index))
    return found


def _resource(name: str, path: str, **params: Any) -> dict[str, Any]:
    return {"name": name, "endpoint": {"path": f"projects/1/{path}/", "params": {"limit": PAGE, **params}}}


def main(url: str, warehouse: str, how: str) -> None:
    """Run the pipeline once."""
    tuned = how == "tuned"
    os.environ.update(TUNED if tuned else {})
    import dlt
    from dlt.sources.rest_api import rest_api_source

    lists: Any = {
        "client": {"base_url": f"{url}/api/", "auth": {"type": "bearer", "token": KEY}},
        "resource_defaults": RESOURCE if tuned else {},
        "resources": resources(),
    }
    place = warehouse.removeprefix("duckdb:///")
    to = dlt.destinations.postgres(warehouse) if place == warehouse else dlt.destinations.duckdb(place)
    where = str(Path.cwd() / "dlt")
    pipeline = dlt.pipeline("bench", destination=to, dataset_name="rest", pipelines_dir=where)
    how_loaded: Any = {"loader_file_format": "parquet"} if tuned else {}
    pipeline.run(rest_api_source(lists), **how_loaded)


if __name__ == "__main__":
    main(*sys.argv[1:])
