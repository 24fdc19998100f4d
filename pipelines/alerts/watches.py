"""Asks the questions of `[watch.NAME]`, read-only and within a time limit, and decides what their answers mean.

Settings -> `Answer`s, or the reasons why there is none. Of an answer only the number of its rows and a digest are kept.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from destinations.reader import NoDataset, QueryRefused, Reader
from pipelines import signals
from pipelines.alerts.states import Observation
from pipelines.bookkeeping.alerts import AlertKey
from pipelines.from_settings import open_warehouse
from pipelines.logs import redacted
from pipelines.query.cells import plain, written
from sources.posthog.extract.run_warnings import RunWarning
from sources.posthog.shape.types import digest

if TYPE_CHECKING:
    from destinations.warehouse import Warehouse
    from pipelines.settings import Settings
    from pipelines.settings.sections import WatchSettings

SECONDS = 10.0
"""The most seconds that a watch may take."""
SHOWN = 10
"""Rows that a message shows at most."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking one watch."""

    rows: int = 0
    digest: str = ""
    """Of the SQL and of all rows in any order, so that another question is no change of the answer."""
    shown: tuple[str, ...] = ()
    problem: str = ""
    """Why there is no answer: half a sentence; empty if there is one."""


def ask(settings: Settings, seconds: float = SECONDS) -> dict[str, Answer]:
    """Return the answer of each watch, none where there is no dataset; raises WarehouseUnavailable if it is away."""
    if not open_warehouse(settings).exists():
        return {}
    try:
        return {
            name: _answer(open_warehouse(settings), watch, seconds) for name, watch in settings.watch.items()
        }
    except NoDataset:
        return {}


def _answer(warehouse: Warehouse, watch: WatchSettings, seconds: float) -> Answer:
    slow = threading.Event()

    def cut() -> None:
        slow.set()
        warehouse.interrupt()

    limit = threading.Timer(seconds, cut)
    try:
        with warehouse.read_only() as reader, signals.interruptible(warehouse.interrupt):
            limit.start()
            return _read(reader, watch)
    except QueryRefused as refused:
        return Answer(problem=str(refused).rstrip("."))
    except KeyboardInterrupt:
        if signals.stop_requested.is_set() or not slow.is_set():
            raise
        return Answer(problem=f"it takes longer than {seconds:g} s")
    finally:
        limit.cancel()


def _read(reader: Reader, watch: WatchSettings) -> Answer:
    """Read all rows, and keep of them what an alert needs."""
    rows, total, shown = 0, 0, list[str]()
    for batch in reader.rows(watch.sql).batches:
        for row in batch:
            rows, total = rows + 1, total + int(digest(plain(row)), 16)
            if watch.show and rows <= SHOWN:
                shown.append(", ".join(map(written, row)))
    return Answer(rows, f"{digest(watch.sql)} {digest([rows, str(total)])}", tuple(shown))


def observed_answers(
    watches: Mapping[str, WatchSettings], answers: Mapping[str, Answer], before: Mapping[str, str]
) -> Observation:
    """Return what the answers show; `before` are the digests of the answers before them."""
    found, happened, judged = dict[AlertKey, str](), dict[AlertKey, str](), set[AlertKey]()
    for name, answer in answers.items():
        if answer.problem:
            continue
        text = f"{watches[name].title or name}: {answer.rows:,} row{'s' * (answer.rows != 1)}."
        text += "".join(f"\n{redacted(line)}" for line in answer.shown)
        if watches[name].when == "rows":
            judged.add((name, "watch"))
            found |= {(name, "watch"): text} if answer.rows else {}
        elif _has_changed(answer.digest, before.get(name, "")):
            happened[name, "watch"] = text
    return Observation(found=found, judged=frozenset(judged), happened=happened)


def _has_changed(now: str, before: str) -> bool:
    """Return whether the same question has another answer."""
    return now != before and now.partition(" ")[0] == before.partition(" ")[0]


def digests(watches: Mapping[str, WatchSettings], answers: Mapping[str, Answer]) -> dict[str, str]:
    """Return what is kept of the answers that the next ones are compared with."""
    return {
        name: answer.digest
        for name, answer in answers.items()
        if watches[name].when == "changed" and not answer.problem
    }


def warnings(answers: Mapping[str, Answer]) -> list[RunWarning]:
    """Return a warning for each watch without an answer, without the words of the database: they may quote rows."""
    text = (
        "[watch.{name}] could not be asked: its SQL writes, fails or takes longer than {seconds:.0f} s; "
        "`hogsync check` says which"
    )
    return [
        RunWarning("", "", "watch failed", text.format(name=name, seconds=SECONDS))
        for name, answer in answers.items()
        if answer.problem
    ]
