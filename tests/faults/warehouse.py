"""What a database refuses, loses or is held by."""

from tests.faults.fault import Fault, Kind

WAREHOUSE = Kind(
    "warehouse",
    "The warehouse",
    (
        Fault(
            "warehouse.forbidden_folder",
            "the folder of the DuckDB file, or HOGSYNC_HOME, may not be entered",
            "one sentence that names it, from every command; `check` looks at the rest all the same",
        ),
        Fault(
            "warehouse.file_held_by_writer",
            "DuckDB: another process has the file open for writing",
            "waited for (`[warehouse] wait`), then exit 4 with the holder's name",
        ),
        Fault(
            "warehouse.file_held_by_reader",
            "DuckDB: another process reads the file",
            "the same",
        ),
        Fault(
            "warehouse.no_database_file",
            "DuckDB: the file is something else",
            "exit 4 at once, the file is left as it is",
        ),
        Fault(
            "warehouse.newer_file",
            "DuckDB: the file was written by a version to come",
            "exit 4 in DuckDB's own words, the file is left as it is",
        ),
        Fault(
            "warehouse.file_deleted",
            "DuckDB: the file is deleted between two runs",
            "a new one, with everything in it",
        ),
        Fault(
            "warehouse.wal_left",
            "DuckDB: a crash left a write-ahead log",
            "what it holds is there after the next run, and that run is right",
        ),
        Fault(
            "warehouse.wal_orphaned",
            "DuckDB: the file is deleted and its write-ahead log is not",
            "a new file, with everything in it",
        ),
        Fault(
            "warehouse.wal_damaged",
            "DuckDB: the write-ahead log is garbage",
            "exit 4 with its name; without it the next run is right",
        ),
        Fault(
            "warehouse.dlt_configured",
            "dlt's own settings in the environment, also without a section (`DEV_MODE`), and in `.dlt/config.toml`; "
            "nonsense in the variables that dlt reads beside its configuration (`DLT_DEFAULT_NAMING_NAMESPACE`)",
            "no row is moved or changed; only a few numbers of dlt's hold for hogsync",
        ),
        Fault(
            "warehouse.load_not_recorded",
            "the dataset has no record of the load that dlt has just done",
            "exit 4, no list counts as read; the next run is right",
        ),
        Fault(
            "warehouse.in_memory",
            "DuckDB: a URL without a file",
            "exit 2, it would be gone after the run",
        ),
        Fault(
            "warehouse.refused",
            "Postgres: nobody listens, or the host has no address",
            "exit 4, one sentence without the password",
        ),
        Fault("warehouse.wrong_password", "Postgres: wrong password", "exit 4, and it is not repeated"),
        Fault(
            "warehouse.no_such_database",
            "Postgres: missing database",
            "exit 4, the message names the database",
        ),
        Fault(
            "warehouse.too_many_connections",
            "Postgres: the role may have no further connection",
            "exit 4 wherever it happens, the next run is right",
        ),
        Fault(
            "warehouse.no_right",
            "Postgres: no right to create a schema or a table",
            "exit 4; `check` says the grant that lacks, and with it all works",
        ),
        Fault(
            "warehouse.read_only",
            "Postgres: a server or role that only reads, such as a replica",
            "exit 4, the old rows stay as they are",
        ),
        Fault(
            "warehouse.statement_timeout",
            "Postgres: `statement_timeout` ends a statement",
            "exit 4, nothing half; the next run is right",
        ),
        Fault(
            "warehouse.connection_cut",
            "Postgres: a connection is cut, at any message of a sync",
            "exit 4 or a load that was tried again; the next run is right",
        ),
        Fault(
            "warehouse.restarted",
            "Postgres: the server crashes and restarts in the middle of a load",
            "the same",
        ),
        Fault(
            "warehouse.turn_lost",
            "Postgres: the server ends hogsync's turn while PostHog is read, and another sync has its own",
            "the first one writes nothing: exit 4",
        ),
        Fault(
            "warehouse.deadlock",
            "Postgres: a deadlock with a dependent's transaction",
            "the load is tried again; over the records: exit 4, and the next run is right",
        ),
        Fault(
            "warehouse.long_select",
            "Postgres: an analyst's long `select` while a table needs a new column",
            "waited for with a word that names the session; others queue behind it for seconds only; then exit 4",
        ),
        Fault(
            "warehouse.locked",
            "Postgres: a lock on a table or on rows that is never given back",
            "exit 4 in bounded time, the next run is right",
        ),
        Fault(
            "warehouse.other_tools",
            "Postgres: BI tools, dbt and replication look for keys and for JSON that can be compared",
            "every table has a primary key, every JSON column is `jsonb`",
        ),
        Fault(
            "warehouse.publication",
            "Postgres: a publication for all tables",
            "no sync fails: with new, changed or deleted rows, a dropped key, or a stricter privacy setting",
        ),
        Fault(
            "warehouse.older_types",
            "Postgres: a dataset of an older hogsync, without primary keys, with `json` and a view over that",
            "the next sync mends it, without a version more; what a view hinders stays and is said once, "
            "a table in use waits for the next sync",
        ),
        Fault(
            "warehouse.users_view",
            "a user's views depend on our tables and columns",
            "they stay and answer; nothing is dropped or renamed under them, nothing is written through them",
        ),
        Fault("warehouse.dropped_table", "somebody drops a table", "made again and filled by a full walk"),
        Fault(
            "warehouse.emptied",
            "somebody empties a table of any plan, a split list's or a history, or takes rows of a split list away",
            "the next run reads its lists in full and fills it; then an idle run costs what it did",
        ),
        Fault("warehouse.dropped_column", "somebody drops a column", "made again and filled by a full walk"),
        Fault(
            "warehouse.dropped_key",
            "somebody drops a key of any table, or a column of it",
            "made again; rows that cannot be told apart make place for those of a full walk, and dlt's own tables are "
            "refused by name (exit 4)",
        ),
        Fault(
            "warehouse.dropped_dataset",
            "somebody drops the dataset, the staging beside it, or the bookkeeping",
            "the next run makes it again and is right",
        ),
        Fault(
            "warehouse.row_security",
            "Postgres: row-level security for those who read our tables",
            "hogsync, who owns them, writes all rows; the policy stays",
        ),
        Fault(
            "warehouse.row_security_forced",
            "Postgres: row-level security that hides rows from hogsync, too",
            "exit 4, no row doubled or lost; without the policy all is right",
        ),
        Fault(
            "warehouse.transaction_pooler",
            "Postgres: PgBouncer in transaction mode",
            "whole syncs work, and the lane is one",
        ),
        Fault(
            "warehouse.options_refused",
            "Postgres: a pooler or service refuses options at the start of a session",
            "done without and told once; whole syncs work",
        ),
        Fault(
            "warehouse.socket",
            "Postgres: a socket of this machine, or several hosts of which one answers",
            "whole syncs work",
        ),
        Fault(
            "warehouse.session_settings",
            "Postgres: a role, a database, the environment or the URL sets `client_encoding`, `quote_all_identifiers`, "
            "`search_path`, `DateStyle` … otherwise",
            "the same rows",
        ),
        Fault(
            "warehouse.other_encoding",
            "Postgres: a database in LATIN1, WIN1252, SQL_ASCII or whatever is not UTF-8",
            "exit 4 before anything is read; `check` says so",
        ),
        Fault(
            "warehouse.versions",
            "Postgres 15, 16, 17 and 18",
            "everything works on each",
            unprovoked="The test environment brings 18 and, by HOGSYNC_TEST_PG_MAJOR, 16; "
            "other versions are taken from HOGSYNC_TEST_PG_BIN.",
        ),
        Fault(
            "warehouse.too_old",
            "Postgres 14 or older",
            "exit 4, 15 is named",
            unprovoked="No such server can be had in the test environment.",
        ),
        Fault(
            "warehouse.others_table",
            "a table, view, index or schema of somebody else's at a name of hogsync's, on DuckDB in whatever spelling, "
            "from the start or in place of hogsync's",
            "exit 4 by name in `check` and `sync` before anything is read; nothing is written",
        ),
        Fault(
            "warehouse.others_staging",
            "a schema of somebody else's where dlt would prepare merges, such as another dataset or a dbt schema",
            "the staging schema has a name of its own and a mark; one without it that holds anything: exit 4 by name",
        ),
        Fault(
            "warehouse.users_things",
            "a user's own columns (generated ones, too), tables, indexes, views, comments and grants in the dataset",
            "they survive every run; a field that is named like such a column gets another",
        ),
        Fault(
            "warehouse.publish_killed",
            "a run is killed while it publishes",
            "readers keep the former copy, which is whole; the next run publishes, also if it writes no row",
        ),
        Fault(
            "warehouse.publish_disk_full",
            "the disk fills up while a run publishes",
            "the same; the run is well, with a warning",
        ),
        Fault(
            "warehouse.publish_path_unfit",
            "`[publish] path` is the warehouse, a folder, in no folder, another DuckDB file, or named like the dataset",
            "one sentence from `check` and at the start of the schedule, exit 2; a warning of a sync",
        ),
        Fault(
            "warehouse.copy_written_by_reader",
            "a reader writes into the published copy and dies",
            "the next copy can be opened by all",
        ),
        Fault(
            "warehouse.grant_beyond",
            "Postgres: a role has by `PUBLIC`, or as a superuser, what `hogsync grant` withholds",
            "exit 4 with the table's name, nothing is changed",
        ),
    ),
)
