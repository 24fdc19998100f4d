"""What can go wrong while reading PostHog; every leaf is a decision that the caller takes.

PostHogError
 ├─ KeyRefused    401: the key is bad, everywhere -> stop the run
 ├─ Unavailable   402, 403, 404 with PostHog's own error body: not for this key, plan or server -> skip the list
 ├─ PageFailed    no usable page after all tries -> this list failed, the others go on
 ├─ Misdirected   a redirect, or what answers is not a PostHog -> stop the run, POSTHOG_HOST is wrong
 ├─ NoRoom        what was read fits neither into memory nor onto the disk -> stop the run
 └─ Stopped       the run was told to stop while it waited or read
"""

from __future__ import annotations


class PostHogError(Exception):
    """A sentence for the user: what was asked, what came back, what to do."""


class KeyRefused(PostHogError):
    """PostHog does not know the key (401)."""


class Unavailable(PostHogError):
    """PostHog refuses a list to this key, plan or server (402, 403, 404); `reason` is its answer without the path."""

    def __init__(self, sentence: str, *, status: int, code: str, reason: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.reason = reason or sentence


class PageFailed(PostHogError):
    """No try returned a usable page; `status` is the last HTTP status, 0 if no answer came."""

    def __init__(self, sentence: str, *, status: int = 0, code: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code


class Misdirected(PostHogError):
    """POSTHOG_HOST does not lead to a PostHog."""


class Stopped(PostHogError):
    """The run is being stopped."""


class NoRoom(PostHogError):
    """The scratch data fits neither into its share of memory nor onto the disk."""
