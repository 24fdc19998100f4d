"""Which lists there are below a row: an endpoint's paths with their placeholders filled."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from sources.posthog.catalogue import parent_of
from sources.posthog.endpoint import Endpoint, Stamps, placeholders, query
from sources.posthog.listing import Listing, Scope


def scopes_of(endpoint: Endpoint, parent: Endpoint | None, ids: Stamps) -> list[Scope]:
    """An endpoint's scopes below one parent row: its lists, those of the same rows together."""
    grouped: dict[tuple[tuple[str, Any], ...], list[Listing]] = {}
    for path in endpoint.paths:
        if parent_of(path) is not parent:
            continue
        address = filled(path, ids)
        stamps = {name: ids[name] for name in placeholders(path)}
        stamps |= {n: v for n, v in query(address).items() if n in endpoint.key and n not in stamps}
        listing = Listing(endpoint, address, stamps, endpoint.pages)
        grouped.setdefault(tuple(stamps.items()), []).append(listing)
    return [Scope(endpoint, dict(stamps), tuple(lists)) for stamps, lists in grouped.items()]


def filled(path: str, ids: Stamps) -> str:
    """A path with its placeholders filled; an id that is itself a path, or has a query, stays one segment."""
    return path.format_map({name: quote(str(value), safe="") for name, value in ids.items()})
