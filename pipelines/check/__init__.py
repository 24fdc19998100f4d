"""Runs `hogsync check`: finds everything that would prevent a sync, and says what to do about each finding.

The exit code is that of a sync with the same problem; only a selected table that is refused as a whole is 1 here and
none there, so that an unattended caller notices. Of several codes the problem to fix first decides.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from pipelines.alerts.problems import notifier_problems, watch_problems
from pipelines.check.access import Access, Observe
from pipelines.check.cost import about_cost
from pipelines.check.findings import Finding, note, refused, wrong
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
from pipelines.errors import UsageError, worst
from pipelines.logs import without
from pipelines.settings import Settings
from pipelines.sync.derived_tables import with_history
from pipelines.sync.selection import Selection, chosen_tables
from sources.posthog.catalogue import ENDPOINTS, with_parents
from sources.posthog.extract.plan.announcements import LOG


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
        return worst(finding.exit_code for finding in self.findings)

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


def check(settings: Settings, observe: Observe = Observe()) -> CheckReport:  # noqa: B008  it is frozen
    """Check everything that a sync with these settings needs; user errors become findings, not exceptions.

    `observe` receives each answer and its rows.
    """
    tables, found = _selection(settings)
    access, problems = access_of(settings, tables, observe)
    found += problems
    if access:
        found += [*about_key(access, settings.origin), *about_tables(tables, access)]
        found += about_cost(access, settings)
    found += about_scopes(tables, access, settings.origin)
    if settings.lists.announcements == "always" and LOG.table not in tables:
        text = f'[lists] announcements = "always" does nothing without {LOG.table}; add it to [selection] tables.'
        found.append(note("settings", text))
    found += examine_warehouse(settings, tables)
    for texts in (notifier_problems(settings), watch_problems(settings)):
        found += [wrong("settings", text, UsageError.exit_code) for text in texts]
    clean = tuple(  # drivers and servers may quote secrets
        replace(one, text=without(settings.secrets, one.text)) for one in found
    )
    return CheckReport(findings=clean, tables=tables, access=access)


def _selection(settings: Settings) -> tuple[tuple[str, ...], list[Finding]]:
    """Return the tables that syncs of these settings read, by hand or by schedule, and findings for unknown names."""
    wanted: set[str] = set()
    found: dict[Finding, None] = {}
    for names in (settings.selection.tables, *(group.tables for group in settings.groups.values())):
        try:
            wanted.update(chosen_tables(settings, Selection(tables=names)))
        except UsageError as problem:
            found[refused("settings", problem)] = None
    try:
        with_history(settings)
    except UsageError as problem:
        found[refused("settings", problem)] = None
    return tuple(table for table in ENDPOINTS if table in wanted) or tuple(ENDPOINTS), list(found)


def _named(access: Access | None, table: str) -> list[dict[str, Any]]:
    return [{"id": ident, "name": name} for ident, name in access.names[table].items()] if access else []


def _table(access: Access | None, table: str) -> dict[str, Any]:
    """Return one table: readable, partly, unavailable, failed, empty (no parent row), or not asked."""
    asked = access.asked.get(table) if access else None
    status = asked.status if asked else "not asked"
    return {"table": table, "scope": ENDPOINTS[table].scope, "status": status}
