"""What can go wrong while reading PostHog; every error is a decision that the caller takes."""

from __future__ import annotations


class PostHogError(Exception):
    """A sentence for the user: what was asked, what came back, what to do."""


class KeyRefused(PostHogError):
    """PostHog does not know the key (401): the run stops."""


class Unavailable(PostHogError):
    """PostHog refuses a list to this key, plan or server (402, 403, 404 in its own words): the list is skipped.

    `reason` is PostHog's answer without the path.
    """

    def __init__(self, sentence: str, *, status: int, code: str, reason: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.reason = reason or sentence


class PageFailed(PostHogError):
    """No try returned a usable page: this list failed; `status` is the last HTTP status, 0 if no answer came."""

    def __init__(self, sentence: str, *, status: int = 0, code: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code


class Misdirected(PostHogError):
    """POSTHOG_HOST does not lead to a PostHog: the run stops."""


class Stopped(PostHogError):
    """The run is being stopped."""


class NoRoom(PostHogError):
    """The scratch data fits neither into its share of memory nor onto the disk: the run stops."""
