"""PostHog's admin metadata as a dlt source. Start here.

One row, from the API to the load, in the order of the calls:

1. `extract.extraction`: `Extraction.run` conducts all of this, from the lists that `catalogue` declares.
2. `extract.partitions`: fills the paths of a list for each parent row.
3. `extract.list_reader`: `ListReader.read` walks one list, after
4. `extract.plan` has decided whether it is read in full, from its watermark, or not at all (`incremental`), which the
   audit log may tell (`announcements`), and which lists wait if requests are short (`budget`).
5. `paging.pagers`: yields the pages of a list from `client.client`: `Client.get`.
6. `shape.row_shape`: `RowShape.to_batch` turns a page into an Arrow batch.
7. `changes.table_changes`: `TableChanges.stage` keeps the rows whose hash differs from `changes.stored_index`.
8. `extract.completeness`: `judge` says what the walks prove; `extract.deletes`: which missing rows are deleted.
9. `changes.delta`: yields the rows to write; `resource.changed` hands them to dlt, in `pipelines.sync.load`.

    import dlt
    import hogsync

    source = hogsync.posthog(key="phx_…", host="https://eu.posthog.com", hash_key="a secret of yours")
    pipeline = dlt.pipeline("posthog", destination="duckdb", dataset_name="admin")
    print(pipeline.run(source))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sources.posthog.resource import changed, posthog

__all__ = ["changed", "posthog"]


def __getattr__(name: str) -> Any:
    """Import dlt only for those who load: it takes half a second, and an idle run never needs it."""
    if name in __all__:
        from sources.posthog import resource

        return getattr(resource, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
