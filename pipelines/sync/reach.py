"""Decides whether a key leads anywhere, and refuses a project id that it does not reach; for `sync` and `check`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from pipelines.errors import UsageError
from sources.posthog.catalogue import ENDPOINTS, parent_of
from sources.posthog.extract.extraction import Extraction
from sources.posthog.extract.results import TableResult

ROOTS = ("organizations", "projects")
NOWHERE = (
    "The key reaches no organization and no project: use a key of somebody who is a member of one, "
    "without a restriction to others, and with the scopes that `hogsync check` names"
)


def depends_on_organizations(tables: Iterable[str]) -> frozenset[str]:
    """Return those tables that hold nothing without an organization or a project."""
    return frozenset(
        table for table in tables if table in ROOTS or any(map(parent_of, ENDPOINTS[table].paths))
    )


def leads_nowhere(results: Sequence[TableResult], chosen: Collection[str]) -> bool:
    """True if no organization or project was found, although selected tables depend on one and no list failed."""
    hanging = depends_on_organizations(result.table for result in results if result.table in ENDPOINTS)
    if not hanging & set(chosen):
        return False
    lists = [one for result in results if result.table in hanging for one in result.lists]
    met = any(one.rows if one.list_path.endpoint.table in ROOTS else one.pages for one in lists)
    return not met and not any(one.status == "failed" for one in lists)


def unknown_projects(asked: Iterable[int], met: Collection[int], *, all_listed: bool) -> list[int]:
    """Return the selected projects that do not exist, as far as that is known.

    If a list of projects was refused, a project may be in that list: then the other selected projects are read, unless
    there is none.
    """
    unknown = sorted(set(asked) - set(met))
    return unknown if all_listed or not set(asked) & set(met) else []


def no_such_project(unknown: Iterable[int], met: Iterable[int]) -> str:
    """Return the sentence about projects that do not exist."""
    there = ", ".join(map(str, sorted(met))) or "none"
    return (
        f"The key reaches no project {', '.join(map(str, unknown))}; it reaches {there}. "
        "Correct --project or [projects] only."
    )


def refuse_unknown_projects(extraction: Extraction, chosen: Collection[str]) -> None:
    """Raise UsageError for a selected project that the key does not reach; PostHog must have been read."""
    asked, projects = extraction.partitions.projects, extraction.results.get("projects")
    if not asked or not projects or projects.status == "failed":
        return
    own = extraction.key.projects if extraction.key else ()
    met = {*own, *(key[-1] for key in extraction.keys(ENDPOINTS["projects"], projects.lists))}
    unknown = unknown_projects(asked, met, all_listed=projects.complete or bool(own))
    if unknown and (met or not leads_nowhere(tuple(extraction.results.values()), chosen)):
        raise UsageError(no_such_project(unknown, met))
