"""Reads and writes `_hogsync_alerts`, the digests of watches' answers, and the warnings of what follows a run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from destinations.warehouse import Warehouse
from pipelines.bookkeeping.records import bookable, ensure, write_meta
from pipelines.bookkeeping.schema import ALERTS, ANSWER, META, RUNS, TABLES
from pipelines.run import AlertKind
from sources.posthog.extract.run_warnings import RunWarning

AlertKey = tuple[str, AlertKind]
"""A table, or a watch, or nothing for the whole run; and what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A state that a person is told of: one row of `_hogsync_alerts`."""

    connection: str
    table_name: str
    kind: AlertKind
    since: datetime
    told_at: datetime | None = None
    cleared_at: datetime | None = None
    text: str

    @property
    def key(self) -> AlertKey:
        """Return what the state is about; a connection has one state of each key."""
        return self.table_name, self.kind

    @property
    def stands(self) -> bool:
        """Return whether the state has not ended."""
        return self.cleared_at is None

    @property
    def untold(self) -> bool:
        """Return whether the begin of the state, or its end, waits to be told."""
        return self.told_at is None or (self.cleared_at is not None and self.told_at < self.cleared_at)


def stored_alerts(warehouse: Warehouse, connection: str) -> list[Alert]:
    """Return the states of a connection, ended ones included; needs the warehouse open."""
    names = TABLES[ALERTS][1]
    if names.keys() - warehouse.columns().get(ALERTS, {}).keys():
        return []
    sql = (
        f"select {', '.join(names)} from {warehouse.name(ALERTS)} where connection = {warehouse.placeholder}"
    )
    return [Alert(**dict(zip(names, row, strict=True))) for row in warehouse.rows(sql, [connection])]


def stored_answers(warehouse: Warehouse) -> dict[str, str]:
    """Return the digest of each watch's last answer, by the name of the watch; needs the warehouse open."""
    if META not in warehouse.columns():
        return {}
    sql = f"select key, value from {warehouse.name(META)} where key like '{ANSWER}%'"
    return {key.removeprefix(ANSWER): value for key, value in warehouse.rows(sql)}


def write_alerts(warehouse: Warehouse, alerts: Sequence[Alert], answers: Mapping[str, str]) -> None:
    """Write states and digests of answers in one transaction; needs the warehouse open."""
    if not alerts and not answers:
        return
    existing, (key, types) = warehouse.columns(), TABLES[ALERTS]
    for table in (META, ALERTS):
        ensure(warehouse, table, existing)
    with warehouse.transaction():
        warehouse.upsert(ALERTS, key, [bookable(asdict(alert), types) for alert in alerts])
        write_meta(warehouse, {f"{ANSWER}{name}": digest for name, digest in answers.items()})


def add_warnings(warehouse: Warehouse, run_id: str, warnings: Iterable[RunWarning]) -> None:
    """Add warnings to the record of a run that is recorded already; needs the warehouse open."""
    mark, more = warehouse.placeholder, [asdict(warning) for warning in warnings]
    for (noted,) in warehouse.rows(
        f"select warnings from {warehouse.name(RUNS)} where run_id = {mark}", [run_id]
    ):
        before = json.loads(noted) if isinstance(noted, str) else noted or []
        text = json.dumps([*before, *more], ensure_ascii=False)
        warehouse.execute(
            f"update {warehouse.name(RUNS)} set warnings = {mark} where run_id = {mark}", [text, run_id]
        )
