"""Opens PostHog and the warehouse by the settings, and derives the privacy policy and the full walks from them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from destinations.warehouse import Warehouse, WarehouseUnavailable
from pipelines.errors import UsageError, WarehouseProblem
from pipelines.settings import Settings
from pipelines.settings.layers import did_you_mean
from sources.posthog.arguments import column_of
from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.client.rate_limit import Rate, rate_for
from sources.posthog.client.retry import RetryPolicy
from sources.posthog.errors import NoRoom
from sources.posthog.extract.visibility import VISIBILITY_FIELDS
from sources.posthog.shape.privacy import Policy

if TYPE_CHECKING:
    from sources.posthog.client.client import Client

log = logging.getLogger("hogsync")


def request_rate(settings: Settings) -> Rate:
    """Return how many requests a run may send."""
    return rate_for(settings.origin, Rate(settings.rate.per_minute, settings.rate.per_hour))


def open_client(settings: Settings, key: str, *, retry: RetryPolicy | None = None) -> Client:
    """Return a client for PostHog; raises UsageError if its address, the proxy or local certificates are unusable."""
    from sources.posthog.client.client import Client

    try:
        return Client(
            settings.origin,
            key,
            rate=request_rate(settings),
            in_flight=max(settings.lists.in_flight, settings.lists.ahead),
            max_bytes=settings.lists.page_megabytes << 20,
            budget_file=settings.home / "budget.db",
            retry=retry,
            allow_http=settings.insecure_http,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def open_warehouse(settings: Settings) -> Warehouse:
    """Return the warehouse, not opened yet; raises UsageError if DuckDB could not load files from HOGSYNC_HOME."""
    place = settings.warehouse
    common: dict[str, Any] = {"wait": settings.wait, "on_wait": lambda why: log.warning("Waiting: %s", why)}
    if place.kind == "duckdb":
        from destinations.duckdb import DuckDB

        if "'" in str(settings.home.resolve()):  # dlt writes the path into its statement without escaping
            raise UsageError(
                f"HOGSYNC_HOME {settings.home} has an apostrophe in its path, and no DuckDB can be loaded from there; "
                "set it to another folder."
            )
        return DuckDB(
            place.path, settings.dataset, storage_version=settings.warehouse_options.storage_version, **common
        )
    from destinations.postgres import Postgres

    return Postgres(place.dsn.get_secret_value(), settings.dataset, place.label, **common)


def hasty(settings: Settings, wait: float) -> Settings:
    """Return the settings with `wait` seconds at most to wait for a held warehouse."""
    options = settings.warehouse_options.model_copy(update={"wait": min(wait, settings.wait)})
    return settings.model_copy(update={"warehouse_options": options})


def privacy_policy(settings: Settings, *, hashing: bool = True) -> Policy:
    """Return what may be stored of each class of data; raises UsageError for an invalid `[privacy.columns]`.

    Without `hashing` no value is hashed, so no hash key is created.
    """
    privacy = settings.privacy
    modes = {name: getattr(privacy, name) for name in ("person", "recipient", "text", "customer")}
    for name, mode in privacy.columns.items():
        _refuse_senseless(name, mode)
    key = settings.hash_key_bytes() if hashing else b""
    return Policy(modes={"open": "keep", **modes}, columns=privacy.columns, hash_key=key)


def _refuse_senseless(name: str, mode: str) -> None:
    """Raise UsageError for a column that is unknown, or that is needed to detect deletes."""
    where = f"[privacy.columns] {name}"
    try:
        table, column = column_of(name, mode)
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from None
    if mode != "keep" and (column == "deleted" or column in VISIBILITY_FIELDS.get(table, ())):
        raise UsageError(
            f"{where}: hogsync goes by {column} of {table} to tell which rows are gone; keep it."
        )


def full_every_of(settings: Settings) -> Mapping[str, timedelta]:
    """Return how often tables' lists are walked in full; raises UsageError for lists that are always walked in full."""
    spans = settings.lists.full_every_of
    partly = [endpoint.table for endpoint in ENDPOINTS.values() if endpoint.plan != "snapshot"]
    for table in spans:
        if table not in partly:
            near = did_you_mean(table, partly)
            raise UsageError(f"[lists.full_every_of] {table} is no table that is read in part{near}")
    return spans


@contextmanager
def warehouse_problems() -> Iterator[None]:
    """Raise WarehouseProblem (exit 4) for database errors, and if there is no room for working data."""
    try:
        yield
    except MemoryError:  # this process's memory, not the warehouse's
        raise
    except (WarehouseUnavailable, NoRoom) as problem:
        raise WarehouseProblem(str(problem)) from problem
