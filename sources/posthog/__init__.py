"""PostHog's admin metadata as a dlt source. Start here.

One row's way: `catalogue` says which lists there are, `client` fetches a page, `paging` walks the list, `shape` makes
rows of it, `walk` judges what the walk proves, `changes` finds what differs from the warehouse, `resource` hands that
to dlt. `reading` conducts them: the key first, organizations, then everything below, several lists in flight.

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
