"""PostHog's admin metadata as a dlt source. Start here.

One row, from the API to the table: `catalogue` declares the list. `extract.partitions` fills its path for each parent
row. `extract.incremental` decides whether the list is read in full, from its watermark, or not at all.
`paging.pagers` yields its pages from `client.get`. `shape.row_shape` makes an Arrow batch of each page.
`changes.table_changes` stages the rows whose hash differs from `changes.stored_index`. `extract.deletes` decides
which missing rows are deleted. `changes.delta` yields the rows to write. `resource` hands them to dlt.
`extract.extraction` conducts all of it.

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
