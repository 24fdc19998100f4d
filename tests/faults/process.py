"""What happens to the process, its disk and its clock."""

from tests.faults.fault import Fault, Kind

RIGHT = "exit code not 0, one sentence, old rows readable; with room again the next run is right"

PROCESS = Kind(
    "process",
    "Process, machine and clock",
    (
        Fault(
            "process.killed",
            "`kill -9` before any request, change to a file or statement, from discovery to the run's record",
            "one clean sync later rows, lists, people and bookkeeping are those of PostHog",
        ),
        Fault(
            "process.interrupted_reading",
            "Ctrl-C or SIGTERM while PostHog is slow or silent",
            "ends within 10 s, exit 130, recorded; the next run is right",
        ),
        Fault(
            "process.interrupted_anywhere",
            "Ctrl-C or SIGTERM at any request, file or statement",
            "exit 130 and recorded as interrupted, or done and recorded as done; nothing torn stays",
        ),
        Fault(
            "process.interrupted_query",
            "Ctrl-C or SIGTERM while a query takes long",
            "exit 130 at once, also where DuckDB looks for no signal; its own error for it is no bug in hogsync",
        ),
        Fault(
            "process.interrupted_late",
            "Ctrl-C or SIGTERM while a command that is done leaves",
            "the process ends by the signal at once, without a traceback; what was done is recorded",
        ),
        Fault(
            "process.interrupted_twice",
            "a second Ctrl-C, or nobody listens to the first",
            "stops at once, or after the grace; safe like a kill",
        ),
        Fault(
            "process.interrupted_early",
            "Ctrl-C before anything has begun, or while another process has the turn",
            "no traceback, exit 130",
        ),
        Fault(
            "process.foreign_packages",
            "`PYTHONPATH` or the current folder has other packages named `pipelines`, `sources` or `destinations`",
            "each command and each process that it starts has hogsync's own; a program that already imported another "
            "one is told so by an ImportError",
        ),
        Fault(
            "process.lost_folder",
            "the current folder was removed, or may not be looked into",
            "one sentence before anything is read; exit 2",
        ),
        Fault(
            "process.two_syncs",
            "two syncs of one warehouse at once, from one machine or from two",
            "they take turns, both end well; who waits says for whom",
        ),
        Fault(
            "process.service_and_hand",
            "a sync by hand beside the service, a run that comes due during the last one",
            "they take turns",
        ),
        Fault(
            "process.two_services",
            "a second `hogsync schedule` of one warehouse",
            "exit 4, and says who is there; the place ends with its holder",
        ),
        Fault(
            "process.backfill",
            "a sync and a backfill at once",
            "they take turns",
        ),
        Fault(
            "process.holder_dies",
            "who has the turn dies, or leaves its lock file behind",
            "the lock dies with its holder; nothing has to be removed by hand",
        ),
        Fault("process.disk_full_warehouse", "the warehouse's disk is full", RIGHT),
        Fault(
            "process.disk_full_home", "the disk of HOGSYNC_HOME is full", f"{RIGHT}; the sentence names it"
        ),
        Fault(
            "process.disk_full_output", "the answer cannot be written to stdout", "one sentence, exit not 0"
        ),
        Fault(
            "process.disk_full_publish",
            "the disk of a published copy is full",
            "as for the warehouse",
            unprovoked="There is no publishing yet.",
        ),
        Fault("process.file_limit", "files may not grow beyond a limit (`ulimit -f`)", RIGHT),
        Fault("process.handles_short", "too few files may be open", RIGHT),
        Fault(
            "process.read_only",
            "HOGSYNC_HOME or the warehouse cannot be written (mode, read-only file system)",
            f"{RIGHT}; a query needs no right to write",
        ),
        Fault("process.others_file", "the warehouse belongs to another user", "exit 4, one sentence"),
        Fault(
            "process.no_home",
            "there is no home folder and no user name",
            "works; everything stays in the current folder",
        ),
        Fault("process.umask", "umask 077, or none", "works; files are 0600, folders 0700"),
        Fault("process.odd_path", "blanks, umlauts and signs in every path", "works"),
        Fault("process.symlinked", "warehouse and home are symbolic links", "works; the links stay"),
        Fault(
            "process.memory_short",
            "less memory than a run needs",
            f"{RIGHT} and recorded as failed; memory is bounded by the pages in flight, not by the lists' length",
        ),
        Fault(
            "process.clock_ahead",
            "an earlier run's clock was a year ahead: its records, positions and stamps lie in the future",
            "changes come, full walks are due, nothing dies and nothing is held up",
        ),
        Fault(
            "process.clock_back",
            "the clock is set back below the request budget's log or the service's plan",
            "no run waits for the old time to come round again",
        ),
        Fault(
            "process.future_rows",
            "PostHog's rows are dated in the future",
            "they are stored as they are, new rows come, a full walk is right",
        ),
        Fault(
            "process.daylight_saving",
            "an hour is missing or comes twice",
            "crontabs go by the wall clock of their zone; no run is lost or doubled",
        ),
        Fault(
            "process.leap_second",
            "a row's time is 23:59:60",
            "kept as text and reported, the other rows are loaded",
        ),
        Fault(
            "process.time_zone",
            "the host's or the database's time zone is changed between runs",
            "UTC inside: the same rows, nothing is written anew",
        ),
        Fault(
            "process.machine_replaced",
            "another machine with an empty HOGSYNC_HOME",
            "state comes from the warehouse: nothing is written anew, no list is read further than before",
        ),
        Fault(
            "process.hash_key_lost",
            "the machine was replaced, and its hash key with it",
            "exit 2 with the remedy; no hash of another key is mixed in",
        ),
        Fault(
            "process.restored",
            "the warehouse is restored from an older backup",
            "positions go back with the rows: what happened since is read again",
        ),
        Fault(
            "process.newer_hogsync",
            "the warehouse was written by a newer hogsync",
            "exit 2: `written by a newer hogsync`; nothing is touched",
        ),
        Fault(
            "process.older_hogsync",
            "the warehouse lacks columns of bookkeeping that came later",
            "they are added, the run is right",
        ),
        Fault("process.newer_duckdb", "the file was written by a newer DuckDB", "exit 4, and says so"),
        Fault(
            "process.newer_dlt",
            "the dataset's schema was stored by a newer dlt",
            "exit 4, one sentence; nothing is touched",
        ),
        Fault(
            "process.long_run",
            "hundreds of syncs with changes in one process",
            "memory, threads, handles, files and the warehouse's size stay flat",
        ),
        Fault(
            "process.notifier_down",
            "a notifier of `[alerts] urls` is down, wrong, or takes and answers nothing",
            "the run is as good as without it and has a warning; a later run tells what nobody was told, once",
        ),
        Fault(
            "process.watch_wrong",
            "the SQL of a `[watch.NAME]` writes, fails or takes long",
            "nothing is changed; a warning of the run, and one sentence in `hogsync check`",
        ),
        Fault(
            "process.spill",
            "what was read fits neither into its share of memory nor onto the disk",
            "exit 4, one sentence; nothing is written",
        ),
    ),
)
