"""Writes the messages about states, and decides when they wait.

States that wait to be told -> messages. A message holds names of connections and tables, numbers, times and what to do:
never a word of PostHog's or of the database's, because those may quote rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from pipelines.alerts.states import LEFT
from pipelines.bookkeeping.alerts import Alert
from pipelines.run import AlertKind
from pipelines.settings.parse import hours

WORDS: Mapping[AlertKind, tuple[str, str]] = {
    "failure": ("failed", "works again"),
    "refused_key": ("PostHog refuses the key", "PostHog takes the key again"),
    "warehouse": ("the warehouse cannot be written", "the warehouse can be written again"),
    "stale": ("not synced in time", "synced in time again"),
    "lost_scope": ("cannot be read any more", "can be read again"),
    "held_deletes": ("deletes are held", "no deletes are held any more"),
    "rejected_rows": ("rows are left out", "no rows are left out any more"),
    "row_drop": ("many rows are gone", "no more rows than usual are gone"),
    "watch": ("has an answer", "has no answer any more"),
}
"""What a title says when a state of a kind begins, and when it ends."""
MOST = 5
"""Messages of one run: services limit their rate, so more than these become one."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message, and the states that it tells of."""

    title: str
    body: str
    alerts: tuple[Alert, ...]


def is_quiet(quiet: str, timezone: str, now: datetime) -> bool:
    """Return whether it is in the quiet hours, which may pass midnight."""
    if not quiet:
        return False
    (begin, end), clock = hours(quiet), now.astimezone(ZoneInfo(timezone)).time()
    return begin <= clock < end if begin < end else clock >= begin or clock < end


def messages(untold: Sequence[Alert]) -> tuple[Message, ...]:
    """Return one message for each state; one for all if there are many."""
    if len(untold) <= MOST:
        return tuple(Message(f"hogsync: {_title(one)}", _body(one), (one,)) for one in untold)
    title = f"hogsync: {len(untold)} states of {', '.join(dict.fromkeys(one.connection for one in untold))}"
    body = "\n".join(f"{_title(one)}. {_body(one)}" for one in untold)
    return (Message(title, body, tuple(untold)),)


def _title(alert: Alert) -> str:
    about = f"{alert.connection}, {alert.table_name or 'sync'}"
    return f"{about}: {_end(alert) if _has_ended(alert) else WORDS[alert.kind][0]}"


def _body(alert: Alert) -> str:
    if not _has_ended(alert):
        return f"{alert.text} (Connection {alert.connection}, {_utc(alert.since)}.)"
    span = f"The state stood from {_utc(alert.since)} to {_utc(alert.cleared_at or alert.since)}."
    over = f"{alert.table_name or 'The sync'}: {_end(alert)}."
    return f"{over} {span}" if alert.told_at or alert.text == LEFT else f"{over} {span} It was: {alert.text}"


def _end(alert: Alert) -> str:
    return LEFT if alert.text == LEFT else WORDS[alert.kind][1]


def _has_ended(alert: Alert) -> bool:
    """Return whether there was a time at which the state stood, and it is over."""
    return alert.cleared_at not in {None, alert.since}


def _utc(at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo('UTC')):%Y-%m-%d %H:%M} UTC"
