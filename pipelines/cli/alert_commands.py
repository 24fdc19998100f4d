"""The command about alerts: `alerts test`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from pipelines.cli.app import command, ready
from pipelines.console import write_line
from pipelines.errors import UsageError


@command
def alerts(
    action: Annotated[Literal["test"], typer.Argument(help="Send everybody who is told one message.")],
) -> int:
    """Try the notifiers: exit code 0 if each took the message, 1 if not, 2 if there is none."""
    assert action == "test"  # noqa: S101  Typer takes no other
    settings = ready()
    from pipelines.alerts.notifier import notifiers, send, trial

    if not settings.alerts.urls:
        raise UsageError("There is nobody to tell: set HOGSYNC_ALERTS__URLS to one or more URLs of Apprise.")
    taken = send([trial()], notifiers(settings.alerts.urls))
    for who, number in taken.items():
        outcome = (
            "took the message."
            if number
            else "did not take the message: check its URL, and whether it answers."
        )
        write_line(f"{who[0].upper()}{who[1:]} {outcome}")
    return 0 if all(taken.values()) else 1
