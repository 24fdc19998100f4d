"""Finds what is wrong with the settings of alerts before a run meets it: for `hogsync check` and `hogsync schedule`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from destinations.warehouse import WarehouseUnavailable
from pipelines.alerts.notifier import notifiers
from pipelines.alerts.watches import ask
from pipelines.errors import HogsyncError
from pipelines.from_settings import hasty

if TYPE_CHECKING:
    from pipelines.settings import Settings

WAIT = 5.0
"""Seconds to wait for a DuckDB file that another process holds: a check should answer soon."""


def alert_problems(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each notifier that Apprise does not know, and each watch that cannot be asked."""
    for notifier in notifiers(settings.alerts.urls):
        if notifier.service() is None:
            yield f"Apprise does not know the service of {notifier}; correct its URL, or leave it out."
    try:
        answers = ask(hasty(settings, WAIT))
    except (HogsyncError, WarehouseUnavailable):  # that is found and said elsewhere
        return
    for name, answer in answers.items():
        if answer.problem:
            yield f"[watch.{name}] sql cannot be asked: {answer.problem}."
