"""Pings a dead-man's switch around each run: URL/start before it, then URL or URL/fail; `[service] ping` is the URL.

Such a service tells people when a ping is missing, so that a machine that is gone is noticed, too. A run that was
stopped by a person or a restart ends without a ping.
"""

from __future__ import annotations

import logging
import threading
from typing import Literal

from pydantic import SecretStr

from sources.posthog.extract.run_warnings import RunWarning

SECONDS = 5.0
"""The most seconds that a run waits for a ping."""
Moment = Literal["/start", "", "/fail"]
TEXT = "[service] ping was not answered well; check the URL and whether this machine reaches it"


def ping(url: SecretStr | None, connection: str, moment: Moment) -> list[RunWarning]:
    """Ping the URL, if there is one; returns a warning if it was not answered well in time."""
    if url is None:
        return []
    answered: list[bool] = []
    where = url.get_secret_value().replace("{connection}", connection) + moment
    thread = threading.Thread(target=_get, args=(where, answered), name="hogsync-ping", daemon=True)
    thread.start()
    thread.join(SECONDS)
    return [] if answered == [True] else [RunWarning("", "", "ping not sent", TEXT)]


def _get(where: str, answered: list[bool]) -> None:
    import httpx

    try:
        answered.append(httpx.get(where, timeout=SECONDS).is_success)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        logging.getLogger("hogsync").debug("The ping failed: %s", type(error).__name__)
