"""Sends messages through the notifiers of `[alerts] urls`; the only module that knows Apprise.

Messages -> for each notifier how many of them it took: fewer, and no error, if it is down, wrong or slow. Nothing of a
URL is logged or returned but its scheme, because a URL holds credentials.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from pipelines.alerts.messages import Message

SECONDS = 10.0
"""The most seconds that a run waits for all its messages; what is sent by then is told, the rest by the next run."""


@dataclass(slots=True)
class Notifier:
    """One notifier, and how many of the messages it took, in their order."""

    number: int
    """Its place in `[alerts] urls`, from 1 on."""
    url: SecretStr
    taken: int = 0

    def __str__(self) -> str:
        """Return what may be shown of the notifier."""
        scheme, found, _ = self.url.get_secret_value().partition("://")
        return f"notifier {self.number} of [alerts] urls" + f" ({scheme.strip()})" * bool(found)

    def service(self) -> Any:
        """Return Apprise's service for the URL, None for a URL that Apprise does not know."""
        import apprise

        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # its lines quote parts of URLs
        asset = apprise.AppriseAsset(app_id="hogsync", app_desc="hogsync", async_mode=False)
        return apprise.Apprise.instantiate(self.url.get_secret_value().strip(), asset=asset)

    def send(self, messages: Sequence[Message]) -> None:
        """Send messages until one is not taken."""
        service = self.service()
        for message in messages if service else ():
            if not service.notify(title=message.title, body=message.body, body_format="text"):
                return
            self.taken += 1


def trial() -> Message:
    """Return the message of `hogsync alerts test`."""
    return Message(
        "hogsync: a test", "hogsync can reach you. This message was asked for by `hogsync alerts test`.", ()
    )


def notifiers(urls: Sequence[SecretStr]) -> list[Notifier]:
    """Return the notifiers of the settings."""
    return [Notifier(number, url) for number, url in enumerate(urls, 1)]


def send(messages: Sequence[Message], to: Sequence[Notifier], seconds: float = SECONDS) -> dict[str, int]:
    """Send messages through all notifiers at once; returns how many each took, after these seconds at the latest.

    A notifier that hangs is left to a thread that ends with the process.
    """
    deadline = time.monotonic() + seconds
    threads = [threading.Thread(target=_quietly, args=(one, messages), daemon=True) for one in to]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return {str(one): one.taken for one in to}


def _quietly(notifier: Notifier, messages: Sequence[Message]) -> None:
    """Send messages; whatever a service raises means that it did not take one."""
    try:
        notifier.send(messages)
    except Exception as error:  # noqa: BLE001  a plugin of a hundred, and its text may quote the URL
        logging.getLogger("hogsync").debug("%s raised %s", notifier, type(error).__name__)
