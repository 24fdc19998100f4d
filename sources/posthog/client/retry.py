"""Decides how often a page is requested again, and after how long."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from sources.posthog.client.response import RetryableResponse

DAY = 86_400.0  # PostHog asks for an hour at most; a wait of more than a day is given up
ANNOUNCED_429S = 50  # refusals of one page, each with its own Retry-After: another program uses up the budget
LONGEST_PAUSE = 300.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long one page is tried for; times in seconds.

    `tries` for a broken answer, with a random delay below `backoff` · 2ⁿ (at most `longest`) between them;
    `unannounced_429s` 429s without Retry-After, with pauses from 8 · `backoff` to five minutes;
    `page_seconds` from the moment a request leaves to the last byte of its answer.
    """

    tries: int = 6
    backoff: float = 1.0
    longest: float = 60.0
    unannounced_429s: int = 10
    page_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """What follows a failure: all threads pause, this page's thread waits, or the page is given up."""

    pause: float
    delay: float
    give_up: bool


@dataclass(frozen=True, slots=True)
class RetryState:
    """The failures of one page so far; each kind has its own allowance."""

    policy: RetryPolicy
    failures: Counter[str] = field(default_factory=Counter)

    def after(self, problem: RetryableResponse) -> RetryDecision:
        """Return what to do about one more failure."""
        kind, allowed = self._allowance(problem)
        doubled = self.policy.backoff * 2 ** self.failures[kind]
        self.failures[kind] += 1
        pause = problem.wait or (min(LONGEST_PAUSE, 8 * doubled) if kind == "unannounced" else 0.0)
        over = self.failures[kind] >= allowed or pause > DAY
        # Full jitter, so that threads do not come back in step.
        delay = 0.0 if pause else random.uniform(0, min(self.policy.longest, doubled))  # noqa: S311
        return RetryDecision(pause=pause if pause <= DAY else 0.0, delay=delay, give_up=over)

    def _allowance(self, problem: RetryableResponse) -> tuple[str, int]:
        if problem.status == 429 and problem.wait:
            return "announced", ANNOUNCED_429S
        if problem.status == 429:
            return "unannounced", self.policy.unannounced_429s
        if problem.status == 503 and problem.code.endswith("_timeout"):
            # It would be as heavy again: the pager makes the page smaller.
            return "heavy", min(2, self.policy.tries)
        return "broken", self.policy.tries
