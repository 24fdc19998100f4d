"""Computes the fingerprint of a list path: API key, membership levels and pages -> digest.

The fingerprint tells which rows the key sees. An owner who is no admin may not see the other members, so the members'
list has that in its fingerprint; staff see all users, so the list of users has that.
"""

from __future__ import annotations

from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.organization import ORGANIZATION_MEMBERS, ORGANIZATIONS, USERS
from sources.posthog.extract.api_key import Key
from sources.posthog.extract.walks import ListPath
from sources.posthog.shape.batch import Batch

ADMIN = 8
"""The membership level from which an organization hides no member."""
VISIBILITY_FIELDS = {
    ORGANIZATIONS.table: ("membership_level",),
    USERS.table: ("id", "is_staff"),
    ORGANIZATION_MEMBERS.table: ("user",),
}
"""The fields that the fingerprint needs: without them a key that sees less would delete what it does not see."""


class KeyVisibility:
    """An observer of pages. `fingerprint` is None, and nothing is deleted, until the organizations are read."""

    def __init__(self) -> None:
        self.key: Key | None = None
        self.fingerprint: str | None = None
        self._levels: dict[str, int] = {}
        self._by_path: dict[str, str] = {}

    def fingerprint_of(self, list_path: ListPath) -> str | None:
        """Return the fingerprint of what the key sees of a list."""
        return self.fingerprint and self.fingerprint + self._by_path.get(list_path.path, "")

    def organizations_read(self) -> None:
        """Compute the fingerprint, once all membership levels of the key's owner are known."""
        self.fingerprint = self.key.fingerprint(self._levels) if self.key else None

    def note(self, endpoint: Endpoint, batch: Batch) -> None:
        """Record what a page reveals about the key that reads it."""
        if endpoint is ORGANIZATIONS:
            levels = (level or 0 for level in batch.values("membership_level"))
            self._levels |= dict(zip(batch.values("id"), levels, strict=True))
        elif endpoint is USERS and self.key:
            self._note_staff(batch, self.key)
        elif endpoint is ORGANIZATION_MEMBERS and self.key and len(batch):
            self._note_company(batch, self.key)

    def _note_staff(self, batch: Batch, key: Key) -> None:
        flags = zip(batch.values("id"), batch.values("is_staff"), strict=True)
        if any(staff for owner, staff in flags if owner == key.user_id):
            self._by_path[USERS.paths[0]] = " staff"

    def _note_company(self, batch: Batch, key: Key) -> None:
        """Record whether an organization shows members besides the owner, if the owner is no admin."""
        organization = batch.values("organization_id")[0]
        path = ORGANIZATION_MEMBERS.paths[0].format(organization_id=organization)
        if any(member != key.user_id for member in batch.values("user_id")):
            self._by_path[path] = ""
        elif (self._levels.get(organization) or 0) < ADMIN:
            self._by_path.setdefault(path, " alone")
