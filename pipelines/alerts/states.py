"""Decides which states begin and which end, from what stood before and what a run shows.

Stored states and an `Observation` -> the states to write. A state is told once when it begins and once when it ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pipelines.bookkeeping.alerts import Alert, AlertKey

TICK = timedelta(microseconds=1)
"""By which a state ends after it was told, also if the clock was set back: else its end would count as told."""
LEFT = "left out of the settings"
"""The text of a state that ended because its table or watch is no longer in the settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a run shows of one connection."""

    found: Mapping[AlertKey, str] = field(default_factory=dict)
    """What is wrong now, with the text of the message."""
    judged: frozenset[AlertKey] = frozenset()
    """What the run could judge: a state among these that is not found has ended."""
    happened: Mapping[AlertKey, str] = field(default_factory=dict)
    """What happened once, and so begins and ends at the same time."""
    left: frozenset[AlertKey] = frozenset()
    """What no run will judge: its state ends with the text LEFT."""

    def __or__(self, other: Observation) -> Observation:
        """Return what two observations of one run show together."""
        return Observation(
            found={**self.found, **other.found},
            judged=self.judged | other.judged,
            happened={**self.happened, **other.happened},
            left=self.left | other.left,
        )


def decide(
    connection: str, before: Iterable[Alert], observation: Observation, now: datetime
) -> tuple[Alert, ...]:
    """Return the states that this run begins, ends or resumes."""
    known = {alert.key: alert for alert in before}
    return (
        *_begun(connection, known, observation.found, now),
        *(
            replace(
                alert,
                cleared_at=max(now, alert.told_at + TICK) if alert.told_at else now,
                text=LEFT if key in observation.left else alert.text,
            )
            for key, alert in known.items()
            if alert.stands and key in observation.judged | observation.left and key not in observation.found
        ),
        *(
            Alert(connection=connection, table_name=table, kind=kind, since=now, cleared_at=now, text=text)
            for (table, kind), text in observation.happened.items()
        ),
    )


def _begun(
    connection: str, known: Mapping[AlertKey, Alert], found: Mapping[AlertKey, str], now: datetime
) -> Iterator[Alert]:
    for (table, kind), text in found.items():
        alert = known.get((table, kind))
        if alert is None or not (alert.stands or alert.untold):
            yield Alert(connection=connection, table_name=table, kind=kind, since=now, text=text)
        elif not alert.stands:  # nobody has heard of its end: for whoever was told, it stands
            yield replace(alert, cleared_at=None, text=text)


def told(alert: Alert, now: datetime) -> Alert:
    """Return a state whose last change was told; never before that change, also if the clock was set back."""
    return replace(alert, told_at=max(now, alert.cleared_at or now))
