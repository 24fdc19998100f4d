"""PostHog's two windows per key, with the framework's own sliding log; off until the options set a rate."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from sources.sandbox.state import WORLD


class _PerKey(SimpleRateThrottle):
    """One bucket per key. Both windows are asked each time: what the first refuses, the second counts."""

    amount = ""
    window = ""
    seconds = 0.0

    def get_rate(self) -> str | None:
        """Requests in the window, None for no limit."""
        number = WORLD.options.rate.get(self.amount)
        return None if number is None else f"{int(number)}"

    def parse_rate(self, rate: str | None) -> tuple[int | None, float | None]:
        """Number of requests and length of the window."""
        return (
            (None, None) if rate is None else (int(rate), WORLD.options.rate.get(self.window, self.seconds))
        )

    def get_cache_key(self, request: Request, view: Any) -> str:
        """The bucket's name."""
        del view
        return f"{self.scope}:{request.auth.number}"


class Burst(_PerKey):
    """480 a minute on PostHog Cloud."""

    scope, amount, window, seconds = "burst", "per_minute", "minute", 60.0


class Sustained(_PerKey):
    """4800 an hour on PostHog Cloud."""

    scope, amount, window, seconds = "sustained", "per_hour", "hour", 3600.0
