"""Asks PostHog what the personal API key is and may do: the first request of every run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sources.posthog.client.response import RETRYABLE_STATUSES
from sources.posthog.errors import Misdirected, PageFailed, Unavailable
from sources.posthog.paging.prefetch import Get
from sources.posthog.shape.types import CONVERT, Convert, digest
from sources.posthog.whole_numbers import whole

CURRENT = "personal_api_keys/@current/"


@dataclass(frozen=True, slots=True)
class Key:
    """A key's owner, scopes and restrictions; `scopes` is None where the server does not tell (OAuth, old servers)."""

    user_id: int | None
    scopes: tuple[str, ...] | None
    projects: tuple[int, ...]
    organizations: tuple[str, ...]

    def may(self, scope: str) -> bool:
        """Return whether the key has a scope: `:write` includes `:read`, `*` includes all."""
        if self.scopes is None or not scope:
            return True
        wanted = {scope, scope.replace(":read", ":write"), "*"}
        return not wanted.isdisjoint(self.scopes)

    def fingerprint(self, levels: Mapping[str, int]) -> str:
        """Return a digest of what decides which rows the key sees: owner, scopes, restrictions, membership levels."""
        scopes = sorted(self.scopes or ())
        return digest([self.user_id, scopes, sorted(self.projects), sorted(self.organizations), dict(levels)])


def current_key(get: Get) -> Key:
    """Return the key in use; raises KeyRefused for a bad key and Misdirected if the server is no PostHog."""
    try:
        body: Any = get(CURRENT, {})
    except Unavailable:
        return Key(None, None, (), ())
    except PageFailed as failed:
        if 200 <= failed.status < 500 and failed.status not in RETRYABLE_STATUSES:
            message = f"{failed} Is POSTHOG_HOST the address of a PostHog?"
            raise Misdirected(message) from failed
        raise
    if not isinstance(body, dict) or "scopes" not in body:
        message = f"{CURRENT}: what answers does not know PostHog's key endpoint; is POSTHOG_HOST a PostHog?"
        raise Misdirected(message)
    return Key(
        whole(body.get("user_id")),
        _each(body["scopes"] or ["*"], CONVERT["text"]),
        _each(body.get("scoped_teams"), whole) or (),
        _each(body.get("scoped_organizations"), CONVERT["text"]) or (),
    )


def _each(values: Any, convert: Convert) -> tuple[Any, ...] | None:
    if not isinstance(values, list):
        return None
    return tuple(fit for value in values if (fit := convert(value)) is not None)
