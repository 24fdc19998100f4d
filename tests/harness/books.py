"""What hogsync has written about its own runs, and whether those tables agree with each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.harness.stored import Ask, session, there_is

Line = tuple[Any, ...]
STATUSES = {"ok", "partial", "failed", "refused", "interrupted"}
READ = {
    "_hogsync_meta": "key, value",
    "_hogsync_runs": "run_id, started_at, finished_at, status, version",
    "_hogsync_run_tables": "run_id, table_name, status",
    "_hogsync_paths": "path, last_walk_at, last_complete_at, watermark, held",
    "_hogsync_held": "path, row_key",
}


@dataclass(frozen=True, slots=True)
class Books:
    """The bookkeeping tables of a dataset; empty where there is none yet."""

    meta: dict[str, str]
    runs: dict[str, Line]
    run_tables: list[tuple[str, str, str]]
    paths: dict[str, Line]
    held: list[tuple[str, str]]

    def positions(self) -> tuple[Any, ...]:
        """All that a next run takes for known about the lists."""
        walked = {path: line for path, line in self.paths.items() if line[0] is not None}
        return sorted(walked.items()), sorted(self.held)

    def unsound(self) -> list[str]:
        """What cannot be true of whole records, each as a sentence."""
        return [*self._of_runs(), *self._of_paths(), *self._of_meta()]

    def _of_runs(self) -> Iterator[str]:
        tables: dict[str, set[str]] = {run: set() for run in self.runs}
        for run, table, status in self.run_tables:
            if run not in tables or status not in {"loaded", "unchanged", "unavailable", "failed"}:
                yield f"{table} is {status} in {run}, which is half a record"
            tables.setdefault(run, set()).add(table)
        whole = max((len(names) for names in tables.values()), default=0)
        for run, (started, finished, status, version) in self.runs.items():
            if status not in STATUSES or not version or not started or not finished or started > finished:
                yield f"run {run} says {status} from {started} to {finished}"
            if status == "ok" and len(tables[run]) < whole:
                yield f"run {run} speaks of {sorted(tables[run])} alone"

    def _of_paths(self) -> Iterator[str]:
        starts = {started for started, *_ in self.runs.values()}
        held = Counter(path for path, _ in self.held)
        for path, (walked, complete, _, number) in self.paths.items():
            noted = walked is None and complete is None  # whose key saw rows that were about to be stored
            if not noted and (walked not in starts or (complete and complete not in starts)):
                yield f"{path} was walked at {walked}, completely at {complete}, in no recorded run"
            if number != held.pop(path, 0):
                yield f"{path} holds {number} rows, named are others"
        for path in held:
            yield f"{path} holds rows and has no position"

    def _of_meta(self) -> Iterator[str]:
        """A run that brought nothing is recorded and says of whose rows a dataset is nothing yet."""
        needed = {"schema_version"} if self.runs else set()
        needed |= {"origin", "hash_key"} if self.paths or self.run_tables else set()
        for key in sorted(needed - self.meta.keys()):
            yield f"_hogsync_meta lacks {key}"


NONE = Books({}, {}, [], {}, [])


def books(url: str) -> Books:
    """The bookkeeping tables as they stand; a key that is there twice is an error here already."""
    if not there_is(url):
        return NONE
    with session(url) as answer:
        return books_in(answer)


def books_in(answer: Ask) -> Books:
    there = answer.types()
    found = {
        table: answer(f"select {names} from posthog.{table}") if table in there else []
        for table, names in READ.items()
    }
    meta, runs, run_tables, paths, held = found.values()
    keyed = [{row[0]: row[1:] for row in rows} for rows in (runs, paths)]
    assert [len(one) for one in keyed] == [len(runs), len(paths)], "a run or a path is recorded twice"
    return Books(dict(meta), keyed[0], list(run_tables), keyed[1], list(held))
