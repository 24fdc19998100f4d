"""Runs `hogsync check`: finds everything that would prevent a sync, and says what to do about each finding.

The exit code is the one with which a sync would end for the same reason, with one exception: a selected table that is
refused as a whole is no failure of a sync, but 1 here, so that an unattended caller notices. Of several reasons the one
to fix first decides: wrong settings (2), because they can cause a refused key (another region), then the key (3), which
waiting does not fix, then the warehouse (4), which may just be busy, last a table that is refused or failed (1), for
which the key, the plan or PostHog itself has to change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pipelines.check.access import Access
from pipelines.check.findings import Finding, wrong
from pipelines.check.posthog import (
    about_key,
    about_scopes,
    about_tables,
    access_of,
    missing_scopes,
    needed_scopes,
    spare_scopes,
)
from pipelines.check.warehouse import examine_warehouse
from pipelines.errors import UsageError
from pipelines.logs import without
from pipelines.settings import Settings
from pipelines.sync.derived_tables import with_history
from pipelines.sync.selection import Selection, chosen_tables
from sources.posthog.catalogue import ENDPOINTS, with_parents

URGENCY = (2, 3, 4, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """The findings of `check`, in the order of the checks."""

    findings: tuple[Finding, ...]
    tables: tuple[str, ...]
    """The selected tables."""
    access: Access | None
    """None if PostHog could not be queried."""

    @property
    def exit_code(self) -> int:
        """Return 0 if a sync would succeed, else the code of the most urgent reason."""
        codes = {finding.exit_code for finding in self.findings}
        return next((code for code in URGENCY if code in codes), 0)

    def as_json(self) -> dict[str, Any]:
        """Return the findings for a program: without any secret, ready for `json.dumps`."""
        key = self.access.key if self.access else None
        return {
            "exit_code": self.exit_code,
            "findings": [asdict(finding) for finding in self.findings],
            "key": asdict(key) if key else None,
            "organizations": _named(self.access, "organizations"),
            "projects": _named(self.access, "projects"),
            "tables": [_table(self.access, table) for table in with_parents(self.tables)],
            "scopes": {
                "needed": needed_scopes(self.tables),
                "missing": missing_scopes(self.tables, key),
                "beyond": spare_scopes(self.tables, key),
            },
        }


def check(settings: Settings) -> CheckReport:
    """Check everything that a sync with these settings needs; user errors become findings, not exceptions."""
    tables, found = _selection(settings)
    reach, trouble = access_of(settings, tables)
    found += trouble
    if reach:
        found += [*about_key(reach, settings.origin), *about_tables(tables, reach)]
    found += about_scopes(tables, reach, settings.origin)
    found += examine_warehouse(settings, tables)
    return CheckReport(
        findings=tuple(_without(settings.secrets, one) for one in found), tables=tables, access=reach
    )


def _selection(settings: Settings) -> tuple[tuple[str, ...], list[Finding]]:
    """Return the tables that syncs of these settings read, by hand or by schedule, and findings for unknown names."""
    wanted: set[str] = set()
    found: list[Finding] = []
    for names in (settings.selection.tables, *(group.tables for group in settings.groups.values())):
        try:
            wanted.update(chosen_tables(settings, Selection(tables=names)))
        except UsageError as problem:
            finding = wrong("settings", str(problem), problem.exit_code)
            found += [finding] if finding not in found else []
    try:
        with_history(settings)
    except UsageError as problem:
        found.append(wrong("settings", str(problem), problem.exit_code))
    return tuple(table for table in ENDPOINTS if table in wanted) or tuple(ENDPOINTS), found


def _without(secrets: Sequence[str], finding: Finding) -> Finding:
    """Return the finding without secrets: drivers and servers may quote them."""
    return replace(finding, text=without(secrets, finding.text))


def _named(reach: Access | None, table: str) -> list[dict[str, Any]]:
    return [{"id": ident, "name": name} for ident, name in reach.names[table].items()] if reach else []


def _table(reach: Access | None, table: str) -> dict[str, Any]:
    """Return one table: readable, partly, unavailable, failed, empty (no parent row), or not asked."""
    asked = reach.asked.get(table) if reach else None
    return {
        "table": table,
        "scope": ENDPOINTS[table].scope,
        "status": asked.status if asked else "not asked",
    }
