"""Defines the `_hogsync_*` tables: names, keys, columns, and the keys of `_hogsync_meta`."""

from __future__ import annotations

from collections.abc import Mapping

from destinations.warehouse import Types

SCHEMA_VERSION = 2
"""Raised when an older hogsync would lose or damage data of a dataset; an older hogsync refuses a higher version.

2: `made`, `privacy within <table>` and `jsonb` are true only if every run maintains them.
"""
SCHEMA = "schema_version"
"""The key of `_hogsync_meta` that holds the schema version."""
META, RUNS, RUN_TABLES, PATHS, HELD, ALERTS, ANNOUNCEMENTS = (
    "_hogsync_meta",
    "_hogsync_runs",
    "_hogsync_run_tables",
    "_hogsync_paths",
    "_hogsync_held",
    "_hogsync_alerts",
    "_hogsync_announcements",
)
PRIVACY = "privacy of "
"""Begins the keys of `_hogsync_meta` that hold the privacy settings of each table's rows."""
COMMENTS = "comments"
"""Key: a digest of the comments that each table has in the database."""
MADE = "made"
"""The key of `_hogsync_meta` that holds the tables that hogsync made in the dataset, with their columns."""
ROWS = "rows"
"""The key of `_hogsync_meta` that holds row counts: of child tables all rows, of other tables whether there are any."""
ANSWER = "answer of watch "
"""Begins the keys of `_hogsync_meta` that hold a digest of a watch's SQL and of its last answer."""
NAMED = "columns of "
"""Begins the keys of `_hogsync_meta` that hold the columns of undeclared fields."""


def _columns(spelled: str) -> Types:
    return dict(column.split() for column in spelled.split(","))


TABLES: Mapping[str, tuple[tuple[str, ...], Types]] = {
    META: (("key",), _columns("key text, value text")),
    RUNS: (
        ("run_id",),
        _columns(
            "run_id text, started_at timestamp, finished_at timestamp, status text, trigger text, version text, "
            "error text, warnings json"
        ),
    ),
    RUN_TABLES: (
        ("run_id", "table_name"),
        _columns(
            "run_id text, table_name text, status text, paths bigint, paths_complete bigint, "
            "paths_unavailable bigint, paths_failed bigint, paths_spared bigint, paths_postponed bigint, "
            "requests bigint, pages bigint, "
            "pages_again bigint, rows_read bigint, inserted bigint, updated bigint, deleted bigint, "
            "deletes_held bigint, complete bool, "
            "watermark timestamp, detail text"
        ),
    ),
    PATHS: (
        ("path",),
        _columns(
            "path text, table_name text, watermark timestamp, open_floor timestamp, last_walk_at timestamp, "
            "last_complete_at timestamp, first_complete_at timestamp, fingerprint text, rows bigint, gap bigint, "
            "held bigint, moved text, page_size bigint"
        ),
    ),
    HELD: (("path", "row_key"), _columns("path text, row_key text")),
    ALERTS: (
        ("connection", "table_name", "kind"),
        _columns(
            "connection text, table_name text, kind text, since timestamp, told_at timestamp, cleared_at timestamp, "
            "text text"
        ),
    ),
    ANNOUNCEMENTS: (
        ("organization_id", "table_name"),
        _columns(
            "organization_id text, table_name text, announced_at timestamp, doubted_at timestamp, "
            "distrusted_at timestamp"
        ),
    ),
}
"""Each table's key and columns."""
