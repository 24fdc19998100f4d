"""Explains the bookkeeping tables, their columns and their words, as data: TABLES.md is written from it."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.bookkeeping.schema import HELD, META, PATHS, RUN_TABLES, RUNS
from pipelines.run import RunStatus, Trigger
from sources.posthog.extract.results import Status

TABLES_MEAN: Mapping[str, str] = {
    META: "Whose dataset this is and how it was written, one fact a row.",
    RUNS: "Every run that could be recorded: loads, idle runs, failures.",
    RUN_TABLES: "What came of each table in each run, `people` included; child and history tables count with theirs.",
    PATHS: "Where each list stands, by its path below `/api/`.",
    HELD: "The rows whose deletion is held back until a second run agrees.",
}
COLUMNS_MEAN: Mapping[str, Mapping[str, str]] = {
    META: {
        "key": "`origin`, `hash_key` (a digest), `schema_version`, `hogsync_version` …",
        "value": "Its value.",
    },
    RUNS: {
        "run_id": "A random name.",
        "started_at": "When it began; `_synced_at` of the rows that it wrote.",
        "finished_at": "When it ended.",
        "status": "See the words below.",
        "trigger": "What started it; see the words below.",
        "version": "Of hogsync.",
        "error": "Why it did not end well, in one sentence; null if it did.",
        "warnings": "A list of `{table, path, kind, text}`; null in runs of versions without warnings.",
    },
    RUN_TABLES: {
        "run_id": "The run.",
        "table_name": "The table.",
        "status": "See the words below.",
        "paths": "Lists of the table that were asked for.",
        "paths_complete": "Of these, lists that were read and proven complete.",
        "paths_unavailable": "Of these, lists that PostHog refused (402, 403, 404).",
        "paths_failed": "Of these, lists that could not be read to their end.",
        "paths_spared": "Further lists that were not asked for, because nothing new could be in them.",
        "requests": "Requests sent for the table, repeated ones included.",
        "pages": "Pages read.",
        "pages_again": "Of these, pages of second looks.",
        "rows_read": "Rows read, those of second looks included.",
        "inserted": "Rows that were new.",
        "updated": "Rows that had changed, or live again.",
        "deleted": "Rows that were marked deleted.",
        "deletes_held": "Rows that PostHog no longer lists and that stay until their deletion is certain.",
        "complete": "Whether every list of the table was read to its end, proven.",
        "watermark": "The newest time that a list of this table was read up to; null if it is read in full.",
        "detail": "What a person should know of it; null if nothing.",
    },
    PATHS: {
        "path": "Of the list, its query included.",
        "table_name": "The table that its rows are in.",
        "watermark": "The newest row's time; the next run reads from shortly before it on.",
        "open_floor": "The oldest row that is still going to change.",
        "last_walk_at": "Start of the last run that read it.",
        "last_complete_at": "Start of the last run that read it to its end, proven.",
        "first_complete_at": "The same of the first such run.",
        "fingerprint": "A digest of what decided which rows the key could see.",
        "rows": "How many rows it then had.",
        "gap": "How many more PostHog counted than the key could see.",
        "held": "How many of its rows are held.",
        "moved": "What the row above it said when it was last read; while that stays, nothing new is due.",
    },
    HELD: {"path": "The list.", "row_key": "The key of a row in it."},
}
RUN_STATUSES: Mapping[RunStatus, str] = {
    "ok": "Every selected table is loaded, unchanged or not available.",
    "partial": "Some table failed, or what is derived from tables could not be written; the rest is in.",
    "failed": "No table could be read, or nothing could be written.",
    "refused": "PostHog refused the key, it leads nowhere, or nothing that was selected is readable.",
    "interrupted": "Somebody asked it to stop.",
}
TRIGGERS: Mapping[Trigger, str] = {
    "manual": "`hogsync sync`, by hand or from cron.",
    "schedule": "`hogsync schedule`.",
    "backfill": "`hogsync backfill`.",
}
TABLE_STATUSES: Mapping[Status, str] = {
    "loaded": "Rows were written.",
    "unchanged": "Read, and nothing was to be written.",
    "unavailable": "Refused to this key, plan or server: rows stay as they are, `detail` says why.",
    "failed": "A list could not be read to its end: what came is in, `detail` says why, the next run reads it again.",
}
