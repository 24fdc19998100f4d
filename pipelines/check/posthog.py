"""Reports what PostHog answers to the key: its owner, what it reaches, and which tables it can read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from pipelines.check.access import Access, Observe, Probe, TableAccess
from pipelines.check.findings import Finding, fine, note, refused, wrong
from pipelines.errors import KeyProblem, UsageError
from pipelines.from_settings import open_client
from pipelines.remedies import advice
from pipelines.settings import Settings
from pipelines.sync.outcome import ExtractionFailed
from pipelines.sync.reach import NOWHERE, depends_on_organizations, unknown_projects
from sources.posthog.catalogue import ENDPOINTS, with_parents
from sources.posthog.client.retry import RetryPolicy
from sources.posthog.errors import KeyRefused, Misdirected, PageFailed, Unavailable
from sources.posthog.extract.api_key import Key, current_key
from sources.posthog.extract.run_warnings import first_few

PATIENCE = RetryPolicy(tries=2, backoff=0.5, page_seconds=60)
NO_KEY = "no-key"
"""Sent when there is no key, only to learn whether a PostHog answers with a refusal."""
NOT_READABLE = 1
"""A selected table fails, or is refused as a whole."""


def needed_scopes(tables: Collection[str]) -> list[str]:
    """Return the least scopes with which these tables and their parents can be read."""
    return sorted({ENDPOINTS[table].scope for table in with_parents(tuple(tables))} - {""})


def missing_scopes(tables: Collection[str], key: Key | None) -> list[str]:
    """Return the needed scopes that the key lacks; none if PostHog does not report its scopes."""
    return [scope for scope in needed_scopes(tables) if key and not key.may(scope)]


def spare_scopes(tables: Collection[str], key: Key | None) -> list[str]:
    """Return the key's scopes that these tables do not need."""
    return sorted(set((key and key.scopes) or ()) - set(needed_scopes(tables)))


def access_of(
    settings: Settings, tables: Sequence[str], observe: Observe
) -> tuple[Access | None, list[Finding]]:
    """Return what the key reaches, None if that is unknown, and a finding for each error."""
    found: list[Finding] = []
    try:
        token = settings.require_key().get_secret_value()
    except UsageError as problem:
        found.append(refused("posthog", problem))
        token = NO_KEY
    try:
        client = open_client(settings, token, retry=PATIENCE)
    except UsageError as problem:
        return None, [*found, refused("settings", problem)]
    with client:
        reach = Access(client, tables, settings.projects.only, settings.lists.in_flight, observe)
        found += _asked(reach, settings.origin, has_key=token != NO_KEY)
        return (reach if reach.key else None), found


def _asked(reach: Access, origin: str, *, has_key: bool) -> Iterator[Finding]:
    try:
        if has_key:
            reach.explore()
        else:
            current_key(reach.client.get)
    except KeyRefused as problem:
        yield fine("posthog", f"{origin} answers.")
        if has_key:
            yield wrong("posthog", str(problem), KeyProblem.exit_code)
    except Misdirected as problem:
        yield wrong("posthog", str(problem), UsageError.exit_code)
    except PageFailed as failed:
        yield wrong("posthog", str(failed), ExtractionFailed.exit_code)


def about_key(reach: Access, origin: str) -> Iterator[Finding]:
    """Yield findings about the key: its owner, its restrictions, what it reaches."""
    key = reach.key
    if key is None:
        return
    owner = f"user {key.user_id}" if key.user_id is not None else "a user that PostHog does not name"
    yield fine("posthog", f"{origin} is a PostHog and accepts the key, which belongs to {owner}.")
    yield note("posthog", f"Scopes: {first_few(key.scopes or ('not reported by this PostHog',))}.")
    restrictions = {"projects": key.projects, "organizations": key.organizations}
    limits = " and ".join(f"{what} {first_few(ids)}" for what, ids in restrictions.items() if ids)
    yield note(
        "posthog",
        f"The key is restricted to {limits}." if limits else "The key reaches all that its owner does.",
    )
    for table, names in reach.names.items():
        if names:
            yield fine(
                "posthog", f"{table.capitalize()}: {first_few(f'{n} ({i})' for i, n in names.items())}."
            )
    if reach.as_member:
        text = (
            f"The key's owner is no admin of {first_few(reach.as_member)}: what PostHog hides from the owner is not "
            "synced, and what it hides later counts as deleted. A key of an admin sees all."
        )
        yield note("posthog", text)
    listed = reach.asked["projects"].status if "projects" in reach.asked else "failed"
    if listed == "failed" or reach.asked["organizations"].status == "failed":
        return
    if not (reach.names["organizations"] or reach.projects):
        if depends_on_organizations(reach.tables):
            yield wrong("posthog", f"{NOWHERE}.", KeyProblem.exit_code)
    elif not reach.projects:
        yield note("posthog", "The key reaches no project, so there is nothing to sync below one.")
    all_listed = listed in {"readable", "empty"} or bool(key.projects)
    if unknown := unknown_projects(reach.only, reach.projects, all_listed=all_listed):
        text = f"The key reaches no project {first_few(unknown)}; correct [projects] only."
        yield wrong("settings", text, UsageError.exit_code)


def about_scopes(tables: Sequence[str], reach: Access | None, origin: str) -> Iterator[Finding]:
    """Yield findings about scopes: the least ones, ready to copy, and those that are missing or not needed."""
    key = reach.key if reach else None
    yield note("scopes", f"Scopes that the selection needs: {', '.join(needed_scopes(tables))}")
    missing, spare = missing_scopes(tables, key), spare_scopes(tables, key)
    if missing:
        yield wrong(
            "scopes",
            f"The key lacks {first_few(missing)}: add that at {origin}/settings/user-api-keys, "
            "or leave out the tables that need it ([selection] tables).",
        )
    if more := [scope for scope in spare if not scope.endswith(":read")]:
        text = f"The key may do more than read ({first_few(more)}); the read scopes above suffice."
        yield note("scopes", text)
    if idle := [scope for scope in spare if scope not in more]:
        yield note("scopes", f"The key has scopes that the selection does not need: {first_few(idle)}.")


def about_tables(tables: Sequence[str], reach: Access) -> Iterator[Finding]:
    """Yield a finding for each table, including parents of selected tables."""
    asked = [reach.asked[table] for table in with_parents(tuple(tables)) if table in reach.asked]
    for one in asked:
        found = _table(one, reach)
        # A table that is only a parent counts by the selected tables below it.
        yield found if one.endpoint.table in tables else replace(found, exit_code=0)
    selected = [one for one in asked if one.endpoint.table in tables]
    if selected and all(one.status == "unavailable" for one in selected):
        text = "Nothing of the selection is readable with this key; the lines above say why."
        yield wrong("posthog", text, KeyProblem.exit_code)


def _table(asked: TableAccess, reach: Access) -> Finding:
    table, scope, status = asked.endpoint.table, asked.endpoint.scope, asked.status
    may = reach.key is None or reach.key.may(scope)
    if asked.blocked_by:
        lacking = "" if may else f"; the key lacks {scope}, too"
        text = f"{table}: not requested, because {asked.blocked_by} is not readable{lacking}."
        return wrong(table, text, NOT_READABLE)
    if status == "empty":
        text = f"{table}: there is no parent row yet; the key {'has' if may else 'lacks'} {scope}."
        return note(table, text) if may else wrong(table, text, NOT_READABLE)
    if status == "readable":
        tried = f" below {len(asked.answers)} of {asked.parents} parent rows; no other was tried"
        return fine(table, f"{table}: readable{tried if len(asked.answers) < asked.parents else ''}.")
    return wrong(table, f"{table}: {_trouble(asked, reach)}", 0 if status == "partly" else NOT_READABLE)


def _trouble(asked: TableAccess, reach: Access) -> str:
    reasons = [_reason(asked, answer, reach) for answer in asked.troubled]
    if not asked.readable:
        return reasons[0] + (f" The same in {len(reasons) - 1} more." if len(reasons) > 1 else "")
    places = first_few(_where(answer, reach) for answer in asked.troubled)
    return f"readable, but not in {places}: {reasons[0]}"


def _reason(asked: TableAccess, answer: Probe, reach: Access) -> str:
    trouble = answer.trouble
    if not isinstance(trouble, Unavailable):
        return str(trouble)
    return f"{trouble} {advice(trouble, asked.endpoint, answer.where, reach.key)}"


def _where(answer: Probe, reach: Access) -> str:
    for table, column in (("projects", "project_id"), ("organizations", "organization_id")):
        if column in answer.where:
            ident = answer.where[column]
            return f"{reach.names[table].get(ident, column.removesuffix('_id'))} ({ident})"
    return "one place"
