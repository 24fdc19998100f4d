"""Explains the bookkeeping tables, their columns and their words, as data: TABLES.md is written from it."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.bookkeeping.schema import ALERTS, ANNOUNCEMENTS, HELD, META, PATHS, RUN_TABLES, RUNS
from pipelines.run import AlertKind, RunStatus, Trigger
from sources.posthog.extract.deletes import DELETE_FUSE_ROWS, DELETE_FUSE_SHARE
from sources.posthog.extract.results import Status

TABLES_MEAN: Mapping[str, str] = {
    META: "One fact per row: whose dataset this is, and how it was written.",
    RUNS: "Every recorded run: loads, idle runs, failures.",
    RUN_TABLES: "The result of each table in each run, `people` included; lists and histories count with their table.",
    PATHS: "The position of each list path, by its path below `/api/`.",
    HELD: "The missing rows whose deletion the next complete walk may confirm.",
    ALERTS: "The states that a person is told of, once when a state begins and once when it ends.",
    ANNOUNCEMENTS: "What the audit log of an organization told of a table, if lists are skipped by it.",
}
COLUMNS_MEAN: Mapping[str, Mapping[str, str]] = {
    META: {
        "key": "`origin`, `hash_key` (a digest), `schema_version`, `hogsync_version` …",
        "value": "The value of the fact.",
    },
    RUNS: {
        "run_id": "A random name.",
        "started_at": "Start of the run; equals `_synced_at` of the rows that the run wrote.",
        "finished_at": "End of the run.",
        "status": "See the words below.",
        "trigger": "What started the run; see the words below.",
        "version": "The version of hogsync.",
        "error": "Why the run failed, in one sentence; null if the run did not fail.",
        "warnings": "A list of `{table, path, kind, text}`; null in runs of versions without warnings.",
    },
    RUN_TABLES: {
        "run_id": "The run.",
        "table_name": "The table.",
        "status": "See the words below.",
        "paths": "List paths of the table that were read or tried.",
        "paths_complete": "Of these, list paths whose walk is proven complete.",
        "paths_unavailable": "Of these, list paths that PostHog refused (402, 403, 404).",
        "paths_failed": "Of these, list paths that could not be read to their end.",
        "paths_spared": "List paths that were skipped: neither their parent row nor the audit log shows a change.",
        "paths_postponed": "List paths that were left for a later run: the request budget had no room for them.",
        "requests": "Requests sent for the table, repeated ones included.",
        "pages": "Pages read.",
        "pages_again": "Of these, pages of second walks.",
        "rows_read": "Rows read, those of second walks included.",
        "inserted": "Rows that were new.",
        "updated": "Rows that had changed, or had come back.",
        "deleted": "Rows that were marked deleted.",
        "deletes_held": "Rows that PostHog no longer lists and that stay until their deletion is certain.",
        "complete": "Whether the walk of every list path of the table is proven complete.",
        "watermark": "The newest watermark of the table's list paths; null if the table is read in full.",
        "detail": "What a person should know of the table; null if nothing.",
    },
    PATHS: {
        "path": "The list path, its query included.",
        "table_name": "The table that holds the rows of the list path.",
        "watermark": "Cursor time up to which every row was read; the next run reads from shortly before it.",
        "open_floor": "Time of the oldest row in progress; the next run reads down to it.",
        "last_walk_at": "Start of the last run that read the list path.",
        "last_complete_at": "Start of the last run with a complete walk.",
        "first_complete_at": "Start of the first run with a complete walk.",
        "fingerprint": "A digest of what decided which rows the key could see.",
        "rows": "Rows of the list at its last complete walk, plus new rows since.",
        "gap": "PostHog's count of the list minus the rows that it listed.",
        "held": "Missing rows whose deletion is held.",
        "moved": "The parent's cursor value or the last announcement, and the fingerprint, at the last walk; skipped "
        "while both are equal.",
        "page_size": "Rows that the next run asks for on the first page; null if the server decides.",
    },
    HELD: {"path": "The list.", "row_key": "The key of a row in it."},
    ALERTS: {
        "connection": "The name of the connection.",
        "table_name": "The table; of a watch, its name; empty for the run as a whole.",
        "kind": "See the words below.",
        "since": "End of the run that saw the state begin.",
        "told_at": "When the last message about the state was sent; null, or before `cleared_at`, while one waits.",
        "cleared_at": "End of the run that saw the state end; null while the state stands.",
        "text": "What the message says.",
    },
    ANNOUNCEMENTS: {
        "organization_id": "The organization.",
        "table_name": "The table.",
        "announced_at": "Start of the last run that found new entries of the table's scopes in the log.",
        "doubted_at": "Start of a run that found a change without an entry; the next run decides.",
        "distrusted_at": "Start of the run that found no entry either: the table's lists are always read since.",
    },
}
ALERT_KINDS: Mapping[AlertKind, str] = {
    "failure": "A table, or the whole run, failed.",
    "refused_key": "PostHog refuses the key, or nothing that was selected is readable with it.",
    "warehouse": "The warehouse cannot be reached or written, or another process holds it.",
    "stale": "Two times of the table's groups passed without a success, as `hogsync status` decides.",
    "lost_scope": "What an earlier run could read is refused or no longer listed.",
    "held_deletes": "Rows that PostHog no longer lists live on.",
    "rejected_rows": "Rows were left out, because they have no key or cannot be stored.",
    "row_drop": f"One run lost more than {DELETE_FUSE_ROWS} rows and more than {100 * DELETE_FUSE_SHARE:.0f} % "
    "of the table.",
    "watch": "A `[watch.NAME]` has an answer, or another one than before.",
}
RUN_STATUSES: Mapping[RunStatus, str] = {
    "ok": "Every selected table is loaded, unchanged or not available.",
    "partial": "A table failed, or a derived table could not be written; all other tables are loaded.",
    "failed": "No table could be read, or nothing could be written.",
    "refused": "PostHog refused the key, the key reaches nothing, or no selected table is readable.",
    "interrupted": "A person or a program stopped the run.",
}
TRIGGERS: Mapping[Trigger, str] = {
    "manual": "`hogsync sync`, by hand or from cron.",
    "schedule": "`hogsync schedule`.",
    "backfill": "`hogsync backfill`.",
}
TABLE_STATUSES: Mapping[Status, str] = {
    "loaded": "Rows were written.",
    "unchanged": "Read, and no row had changed.",
    "unavailable": "Refused to this key, plan or server: no row changes, `detail` says why.",
    "failed": "A list path could not be read to its end: what was read is loaded, `detail` says why.",
}
