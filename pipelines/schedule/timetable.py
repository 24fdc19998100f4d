"""When each group is due next."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pipelines.crontab import Trigger, fires

log = logging.getLogger("hogsync")


@dataclass(slots=True)
class Timetable:
    """When each group is due next."""

    triggers: dict[str, Trigger]
    planned: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.due(datetime.now(UTC))

    def due(self, now: datetime) -> list[str]:
        """Return the groups that are due, once each however late, and plan their next times.

        A group that was planned while the time was set too far ahead is planned again.
        """
        due = [group for group, planned in self.planned.items() if planned <= now]
        for group, trigger in self.triggers.items():
            following = next(fires(trigger, now))
            planned = self.planned.get(group, following)
            if following < planned:
                log.warning(
                    "The time was set back: group %s is next at %s instead of %s.", group, following, planned
                )
            self.planned[group] = following
        return due
