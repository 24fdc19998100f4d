"""What a kill leaves of a load and of the working folder."""

from tests.faults.fault import Fault, Kind

LOADS = Kind(
    "loads",
    "Torn loads and the working folder",
    (
        Fault(
            "loads.torn",
            "`kill -9` before any statement of a load: one table is new, its children and people are old",
            "rows of an unfinished load are unknown: the next sync writes them again with all that hangs on them",
        ),
        Fault(
            "loads.first",
            "`kill -9` before any statement of a first load into an empty warehouse",
            "after the next sync the tables equal PostHog, and no row is there twice",
        ),
        Fault(
            "loads.tombstones",
            "`kill -9` in a run that ends, revives or shortens rows and their lists",
            "the next sync ends and revives what hangs on them too",
        ),
        Fault(
            "loads.taken_back",
            "PostHog has a change as before when the run after the kill looks",
            "the half-written change is written back",
        ),
        Fault(
            "loads.unfinished",
            "rows of a load that never entered `_dlt_loads`",
            "they are written again once, then believed",
        ),
        Fault(
            "loads.positions",
            "`kill -9` between the rows and the records of a run",
            "positions and held deaths lag, never lead: they move only with rows that are there",
        ),
        Fault(
            "loads.half_record",
            "`kill -9` while a run is recorded",
            "a run is recorded whole or not at all",
        ),
        Fault(
            "loads.idle",
            "nothing has changed since the last run",
            "no load, no state row, no row written; the run is recorded all the same",
        ),
        Fault(
            "loads.history",
            "a kill between a row and its version in a history table, or a row of a torn load without one",
            "a version that was loaded is derived by the next sync before it loads another; a torn row is none",
        ),
        Fault(
            "loads.folder",
            "`kill -9` before any change to a file of the working folder: extract, normalize, load, clean-up",
            "no package is ever resumed; the next sync starts afresh and is right, new data included",
        ),
        Fault(
            "loads.folder_left",
            "a killed run left its working folder",
            "the next run sweeps it; nothing grows",
        ),
        Fault(
            "loads.folder_alive",
            "another run with the same HOGSYNC_HOME is at work",
            "its folder is left alone: its lock says that it lives",
        ),
        Fault(
            "loads.folder_strange",
            "something else lies among the working folders: a file, a link, a folder of another program",
            "no trouble, and nothing outside is removed",
        ),
        Fault(
            "loads.hash_key_torn",
            "`kill -9` while the hash key is first written",
            "the key is whole or not there; the next sync agrees with what the warehouse says of it",
        ),
        Fault(
            "loads.hash_key_damaged",
            "the file of the hash key is damaged",
            "one sentence; it is never replaced silently",
        ),
        Fault(
            "loads.budget_damaged",
            "the file of the request budget is damaged, or of another layout",
            "it starts afresh with a word",
        ),
    ),
)
