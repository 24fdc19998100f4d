"""The commands that load: `sync`, `backfill` and `schedule`; and `reset`, which makes the next one load more."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.app import AsJson, OneConnection, command, ready, require_sandbox
from pipelines.cli.each_connection import one_or_each, refuse_both
from pipelines.console import plain_table, rendered, write_json, write_line
from pipelines.errors import UsageError

if TYPE_CHECKING:
    from pipelines.settings import Settings
    from pipelines.sync.outcome import Outcome
    from pipelines.sync.selection import Selection


OnlyProjects = Annotated[list[int] | None, typer.Option(metavar="ID", help="Only this project; repeatable.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print only errors and warnings.")]


@command
def sync(  # noqa: PLR0917  Typer reads options off parameters
    tables: Annotated[list[str] | None, typer.Argument(metavar="TABLE", help="Only these tables.")] = None,
    connection: OneConnection = None,
    group: Annotated[
        str | None, typer.Option(help="The tables of this group of the settings, or of `hogsync tables`.")
    ] = None,
    project: OnlyProjects = None,
    full: Annotated[bool, typer.Option("--full", help="Walk every list to its end.")] = False,
    accept_deletes: Annotated[
        bool, typer.Option("--accept-deletes", help="Apply deletes that are held back.")
    ] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="End with exit code 1 if there are warnings, except of alerts and pings not sent.",
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and compare, write nothing.")] = False,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Sync a practice PostHog into sandbox.duckdb.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Bring the warehouse up to date with PostHog."""
    settings, display = _begun(quiet=quiet, as_json=as_json)
    from pipelines.sync.selection import Selection  # heavy; a wrong setting is reported before it

    chosen = _selected(settings, tables or [], group)
    place: Settings | int = settings
    refuse_both(connection, sandbox=sandbox)
    if not sandbox:
        names = settings.groups[group].connections if group in settings.groups else ()
        place = one_or_each(settings, connection, "sync", as_json=as_json, quiet=quiet, names=names)
    if isinstance(place, int):
        return place
    selection = Selection(
        tables=chosen,
        projects=tuple(project or ()),
        full=full,
        accept_deletes=accept_deletes,
        strict=strict,
        dry_run=dry_run,
    )
    with _posthog(place, sandbox=sandbox) as there:
        return _load(there, selection, display=display, as_json=as_json, quiet=quiet)


@command
def backfill(  # noqa: PLR0917  Typer reads options off parameters
    tables: Annotated[list[str], typer.Argument(metavar="TABLE...", help="These tables.")],
    since: Annotated[
        str, typer.Option("--from", metavar="ISO", help="From when on: 2026-11-01, 2026-11-01T08:00Z or 30d.")
    ],
    until: Annotated[str | None, typer.Option("--to", metavar="ISO", help="Until when; now.")] = None,
    connection: OneConnection = None,
    project: OnlyProjects = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print how many requests it takes; read and write nothing.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Read a period again: no deletion is concluded, and the next sync continues from where the last one stopped."""
    settings, display = _begun(quiet=quiet, as_json=as_json)
    from pipelines import backfill as filling
    from pipelines.sync.selection import Selection, known_tables

    window, chosen = filling.window(since, until), known_tables(tables)
    filling.refuse_snapshots(chosen)
    place = one_or_each(settings, connection, "backfill", as_json=as_json, quiet=quiet)
    if isinstance(place, int):
        return place
    estimate = filling.estimate(place, chosen, project or ())
    if dry_run:
        write_json(asdict(estimate)) if as_json else write_line(str(estimate))
        return 0
    if display:
        write_line(str(estimate), sys.stderr)
    else:
        logging.getLogger("hogsync").info("%s", estimate)
    selection = Selection(tables=chosen, projects=tuple(project or ()), window=window, trigger="backfill")
    return _load(place, selection, display=display, as_json=as_json, quiet=quiet)


@command
def reset(
    tables: Annotated[list[str] | None, typer.Argument(metavar="TABLE...", help="These tables.")] = None,
    connection: OneConnection = None,
    hash_key: Annotated[
        bool, typer.Option("--hash-key", help="Hash addresses anew, with another HOGSYNC_HASH_KEY.")
    ] = False,
    origin: Annotated[
        bool,
        typer.Option(
            "--origin", help="Go on with the POSTHOG_HOST of now: the same PostHog has moved there."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> int:
    """Forget how far tables were read, so that the next sync reads them in full; rows stay."""
    settings = ready()
    from pipelines import reset as forgetting
    from pipelines.sync.selection import known_tables

    chosen = known_tables(tables or [])
    if not (chosen or hash_key or origin):
        raise UsageError(
            "Name the tables to forget, such as `hogsync reset comments`, or --hash-key or --origin."
        )
    place = one_or_each(settings, connection, "reset", as_json=False)
    if isinstance(place, int):
        return place
    what = [f"how far {', '.join(chosen)} {'were' if len(chosen) > 1 else 'was'} read"] if chosen else []
    what += ["the key of all hashes, which those of now can no longer be joined with"] if hash_key else []
    what += [f"where PostHog was, because the same one is at {place.origin_name} now"] if origin else []
    if not yes and not _agreed(f"Forget {' and '.join(what)}?"):
        write_line("Nothing was forgotten.")
        return 0
    write_line(forgetting.reset(place, chosen, hash_key=hash_key, origin=origin))
    return 0


def _agreed(question: str) -> bool:
    """Return whether a person agrees; raises UsageError if there is no terminal to ask on."""
    if not sys.stdin.isatty():
        raise UsageError(f"{question} There is no terminal to ask on; add `--yes` to agree.")
    return typer.confirm(question)


@command
def schedule(
    show: Annotated[
        bool, typer.Option("--list", help="Print the next ten runs and what they cost last; run nothing.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Sync the groups of the settings by their crontabs, until SIGTERM or Ctrl-C."""
    from pipelines import logs, settings
    from pipelines.schedule import run

    if as_json and not show:
        raise UsageError("--json belongs to `hogsync schedule --list`; the service prints no JSON.")
    if show:
        return _show_upcoming(ready(), as_json=as_json)
    logs.set_up()
    with logs.held():
        loaded = settings.load()
        logs.follow(loaded)
    return run(loaded)


def _show_upcoming(settings: Settings, *, as_json: bool) -> int:
    from pipelines.schedule.upcoming import upcoming

    found = upcoming(settings, datetime.now(UTC))
    if as_json:
        write_json({"runs": [one.as_json() for one in found]})
        return 0
    shown = plain_table("at (UTC)", "connection", "group", "requests", "minutes")
    for one in found:
        cost = ("unknown",) * 2 if one.requests is None else (f"{one.requests:,}", f"{one.minutes}")
        shown.add_row(f"{one.at:%Y-%m-%d %H:%M}", one.connection, one.group, *cost)
    write_line(rendered(shown))
    return 0


def _begun(*, quiet: bool, as_json: bool) -> tuple[Settings, bool]:
    """Return the settings, with logs set up for a load, and whether a person watches progress on a terminal."""
    display = sys.stderr.isatty() and not (quiet or as_json)
    level = logging.ERROR if quiet else logging.WARNING if display else logging.INFO
    return ready(level, bare=display), display


@contextmanager
def _posthog(settings: Settings, *, sandbox: bool) -> Iterator[Settings]:
    """Yield the settings with a PostHog: the configured one, or a sandbox that runs during the block."""
    if not sandbox:
        yield settings
        return
    from pipelines.logs import hide
    from pipelines.work_dir import folder_below
    from sources.sandbox import start

    require_sandbox()
    with start(kept=folder_below(settings.home, "sandbox")) as running:
        hide([running.key])
        yield settings.for_sandbox(running.url, running.key)


def _selected(settings: Settings, tables: list[str], group: str | None) -> tuple[str, ...]:
    """Return the named tables, or those of a group; empty for the settings' own selection."""
    if group is None:
        return tuple(tables)
    if tables:
        raise UsageError("Name either tables or --group, not both.")
    if group in settings.groups:
        return settings.groups[group].tables
    from sources.posthog.catalogue import ENDPOINTS, tables_of

    if chosen := tables_of(group):
        return chosen
    from pipelines.settings.layers import did_you_mean

    known = [*settings.groups, *dict.fromkeys(endpoint.group for endpoint in ENDPOINTS.values())]
    raise UsageError(
        f"There is no group {group!r} (there are {', '.join(known)}){did_you_mean(group, known)}"
    )


def _load(settings: Settings, selection: Selection, *, display: bool, as_json: bool, quiet: bool) -> int:
    """Run a sync, show what came of it, and return the exit code."""
    from pipelines.attended import sync as run
    from pipelines.logs import tell
    from pipelines.signals import after_record
    from pipelines.sync import progress, summary

    recorded: list[Outcome] = []
    with after_record(recorded):
        with progress.progress(display=display) as observer:
            recorded.append(outcome := run(settings, selection, [observer]))
        if not display:
            summary.log_tables(outcome)
        if as_json:
            write_json(
                summary.as_json(outcome.run, outcome.requests, outcome.tables, dry_run=selection.dry_run)
            )
        elif not quiet:
            write_line(summary.summary_table(outcome, settings, dry_run=selection.dry_run))
        elif outcome.exit_code:
            tell(summary.summary(outcome, dry_run=selection.dry_run))
    return recorded[0].exit_code
