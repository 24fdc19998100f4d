"""The words of the command line: `hogsync sync`, `backfill`, `reset`, `check`, `tables`, `query`, `sandbox` and so on.

Typer only reads them; each command answers with a job, which is run where every way out is one sentence and one exit
code. Nothing heavy is imported before a job needs it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.errors import Interrupted, UsageError
from pipelines.screen import printable, rendered, say, say_json

if TYPE_CHECKING:
    from pipelines.settings import Settings
    from pipelines.sync import Outcome, Selection

Job = Callable[[], int]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]

app = typer.Typer(
    name="hogsync",
    help="Sync PostHog's admin metadata into DuckDB or Postgres.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


def read(words: list[str]) -> Job | int:
    """What the words ask for: a job, or an exit code where Typer has answered already."""
    asked: Job | int = typer.main.get_command(app).main(words, "hogsync", standalone_mode=False)
    if asked == Interrupted.exit_code:  # Typer's word for Ctrl-C while it reads
        raise KeyboardInterrupt
    return asked


@app.callback(invoke_without_command=True)
def _hogsync(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,  # noqa: ARG001  read off the words, which may not even be readable
) -> None:
    if version:
        from importlib.metadata import version as version_of

        say(f"hogsync {version_of('hogsync')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        raise UsageError("Name a command, such as `hogsync sync`; `hogsync --help` lists them.")


@app.command()
def sync(  # noqa: PLR0917  Typer reads options off parameters
    tables: Annotated[list[str] | None, typer.Argument(metavar="TABLE", help="Only these tables.")] = None,
    group: Annotated[str | None, typer.Option(help="The tables of this group of the settings.")] = None,
    project: Annotated[
        list[int] | None, typer.Option(metavar="ID", help="Only this project; repeatable.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Walk every list to its end.")] = False,
    accept_deletes: Annotated[
        bool, typer.Option("--accept-deletes", help="Believe deletes that are held.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and compare, write nothing.")] = False,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Sync a practice PostHog into sandbox.duckdb.")
    ] = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
) -> Job:
    """Bring the warehouse up to date with PostHog."""

    def job() -> int:
        display = sys.stderr.isatty() and not (quiet or as_json)
        level = logging.ERROR if quiet else logging.WARNING if display else logging.INFO
        settings = _ready(level, bare=display)
        from pipelines.sync import Selection  # heavy, and a wrong setting is told without it

        selection = Selection(
            tables=_selected(settings, tables or [], group),
            projects=tuple(project or ()),
            full=full,
            accept_deletes=accept_deletes,
            dry_run=dry_run,
        )
        with _posthog(settings, sandbox=sandbox) as place:
            outcome = _synced(place, selection, display=display)
            _show(outcome, place, as_json=as_json, quiet=quiet, dry_run=dry_run)
        return outcome.exit_code

    return job


@app.command()
def backfill(  # noqa: PLR0917  Typer reads options off parameters
    tables: Annotated[list[str], typer.Argument(metavar="TABLE...", help="These tables.")],
    since: Annotated[
        str, typer.Option("--from", metavar="ISO", help="From when on: 2026-11-01 or 2026-11-01T08:00Z.")
    ],
    until: Annotated[str | None, typer.Option("--to", metavar="ISO", help="Until when; now.")] = None,
    project: Annotated[
        list[int] | None, typer.Option(metavar="ID", help="Only this project; repeatable.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it will take; ask nothing, write nothing.")
    ] = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
) -> Job:
    """Read a range of time again: nothing is marked deleted, and the next sync goes on from where it was."""

    def job() -> int:
        display = sys.stderr.isatty() and not (quiet or as_json)
        level = logging.ERROR if quiet else logging.WARNING if display else logging.INFO
        settings = _ready(level, bare=display)
        from pipelines import backfill as filling
        from pipelines.reset import known_tables
        from pipelines.sync import Selection

        window, chosen = filling.window(since, until), known_tables(tables)
        estimate = filling.estimate(settings, chosen)
        if dry_run:
            say_json(estimate.as_json()) if as_json else say(estimate.told)
            return 0
        logging.getLogger("hogsync").info("%s", estimate.told)
        selection = Selection(tables=chosen, projects=tuple(project or ()), window=window, trigger="backfill")
        outcome = _synced(settings, selection, display=display)
        _show(outcome, settings, as_json=as_json, quiet=quiet, dry_run=False)
        return outcome.exit_code

    return job


@app.command()
def reset(
    tables: Annotated[list[str] | None, typer.Argument(metavar="TABLE...", help="These tables.")] = None,
    hash_key: Annotated[
        bool, typer.Option("--hash-key", help="Hash addresses anew, with another HOGSYNC_HASH_KEY.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> Job:
    """Forget how far tables were read, so that the next sync reads them in full; rows stay."""

    def job() -> int:
        settings = _ready(logging.WARNING, bare=True)
        from pipelines import reset as forgetting

        chosen = forgetting.known_tables(tables or [])
        if not chosen and not hash_key:
            raise UsageError("Name the tables to forget, such as `hogsync reset comments`, or --hash-key.")
        what = [f"how far {', '.join(chosen)} {'were' if len(chosen) > 1 else 'was'} read"] if chosen else []
        what += ["the key of all hashes, which those of now can no longer be joined with"] if hash_key else []
        if not yes and not _agreed(f"Forget {' and '.join(what)}?"):
            say("Nothing was forgotten.")
            return 0
        say(forgetting.reset(settings, chosen, hash_key=hash_key))
        return 0

    return job


def _agreed(question: str) -> bool:
    """Whether a person says yes; UsageError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody can be asked here: add --yes.")
    return typer.confirm(question)


@app.command()
def check(as_json: AsJson = False) -> Job:
    """Say what the key reaches and lacks, whether the warehouse can be written, and what to do."""

    def job() -> int:
        settings = _ready(logging.WARNING, bare=True)
        from pipelines.check import check as checked

        marks = {True: "✓", False: "✗", None: "·"}
        report = checked(settings)
        if as_json:
            say_json(report.as_json())
        else:
            say("\n".join(f"{marks[ok]} {printable(text)}" for ok, text in report.lines))
        return report.exit_code

    return job


@app.command()
def tables(as_json: AsJson = False) -> Job:
    """List the tables that can be synced."""

    def job() -> int:
        from sources.posthog.tables import overview

        rows = overview()
        if as_json:
            say_json({"tables": rows})
            return 0
        from rich.table import Table

        shown = Table(box=None, pad_edge=False, header_style="bold")
        for heading, unfolded in (
            ("table", True),
            ("key", False),
            ("plan", True),
            ("scope", True),
            ("meaning", False),
        ):
            shown.add_column(heading, no_wrap=unfolded)
        for row in rows:
            shown.add_row(row["table"], ", ".join(row["key"]), row["plan"], row["scope"], row["meaning"])
        say(rendered(shown))
        beside = ", ".join(name for row in rows for name in row["derived"] if not name.endswith("_history"))
        say(f"\nA table of plan snapshot has its versions in <table>_history. Kept over time: {beside}.")
        return 0

    return job


@app.command()
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="For instance: select * from cohorts")],
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Ask sandbox.duckdb.")] = False,
    as_json: AsJson = False,
) -> Job:
    """Ask the warehouse a question in SQL; nothing in it can be changed this way."""

    def job() -> int:
        from pipelines.query import ask

        settings = _ready(logging.WARNING, bare=True)
        answer = ask(settings.for_sandbox(settings.origin, "") if sandbox else settings, sql)
        if as_json:
            say_json(answer.as_json())
        else:
            say(answer.shown())
        return 0

    return job


@app.command()
def diff(
    tables: Annotated[list[str] | None, typer.Argument(metavar="TABLE", help="Only these tables.")] = None,
    since: Annotated[
        str, typer.Option(metavar="ISO", help="A date, a time (UTC) or a span, such as 2026-11-20 or 2d.")
    ] = "",
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Look into sandbox.duckdb.")] = False,
    as_json: AsJson = False,
) -> Job:
    """Say what was added, changed and removed in PostHog since some time."""

    def job() -> int:
        if not since:
            raise UsageError(
                "Say since when: --since 2026-11-20, --since 2026-11-20T08:00:00Z or --since 2d."
            )
        settings = _ready(logging.WARNING, bare=True)
        from pipelines.diff import diff as compared
        from pipelines.diff.shown import shown

        found = compared(
            settings.for_sandbox(settings.origin, "") if sandbox else settings, tables or [], since
        )
        for begins, of in found.beginnings():
            say(
                f"History of {', '.join(of)} begins at {begins} UTC; what changed before cannot be told.",
                sys.stderr,
            )
        if as_json:
            say_json(found.as_json())
        else:
            say(shown(found))
        return 0

    return job


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.")] = 8765,
    size: Annotated[str, typer.Option(help="small, medium, or how many times as large as small.")] = "small",
    seed: Annotated[int, typer.Option(help="Another seed is another company.")] = 1,
) -> Job:
    """Run a PostHog to practise on, until Ctrl-C."""

    def job() -> int:
        from pipelines import stopping
        from sources.sandbox import start

        stopping.listen()
        try:
            running = start(port, seed, size)
        except RuntimeError:  # its own words are on stderr already
            return UsageError.exit_code
        with running:
            say(_invitation(running.url, running.key))
            try:
                return running.process.wait()
            except KeyboardInterrupt:
                return 0

    return job


def _invitation(url: str, key: str) -> str:
    return (
        f"A PostHog to practise on listens at {url} until Ctrl-C; in another terminal:\n\n"
        f"export POSTHOG_HOST={url}\nexport POSTHOG_PERSONAL_API_KEY={key}\n\n"
        "Give it a warehouse of its own (WAREHOUSE_URL=duckdb:///practice.duckdb): a dataset holds one PostHog."
    )


@app.command()
def schedule() -> Job:
    """Sync the groups of the settings by their crontabs, until SIGTERM or Ctrl-C."""

    def job() -> int:
        from pipelines import logs, settings
        from pipelines.schedule import run

        logs.set_up()
        loaded = settings.load()
        logs.hide(loaded.secrets)
        return run(loaded)

    return job


def _ready(level: int, *, bare: bool) -> Settings:
    """The settings, with logs set up, secrets hidden and signals listened to."""
    from pipelines import logs, settings, stopping

    stopping.listen()
    logs.set_up(level, bare=bare)
    loaded = settings.load()
    logs.hide(loaded.secrets)
    return loaded


@contextmanager
def _posthog(settings: Settings, *, sandbox: bool) -> Iterator[Settings]:
    """The settings with a PostHog behind them: the one that is set, or a sandbox for as long as the block runs."""
    if not sandbox:
        yield settings
        return
    from pipelines.logs import hide
    from sources.sandbox import start

    with start() as running:
        hide([running.key])
        yield settings.for_sandbox(running.url, running.key)


def _selected(settings: Settings, tables: list[str], group: str | None) -> tuple[str, ...]:
    """The tables that were named, or those of a group; empty for the settings' own selection."""
    if group is None:
        return tuple(tables)
    if tables:
        raise UsageError("Name either tables or --group, not both.")
    if group not in settings.groups:
        from pipelines.settings.layers import did_you_mean

        raise UsageError(f"There is no group {group!r} in the settings{did_you_mean(group, settings.groups)}")
    return settings.groups[group].tables


def _synced(settings: Settings, selection: Selection, *, display: bool) -> Outcome:
    from pipelines import report
    from pipelines.sync import sync as run

    with report.progress(display=display) as observer:
        outcome = run(settings, selection, [observer])
    if not display:
        report.log_tables(outcome)
    return outcome


def _show(outcome: Outcome, settings: Settings, *, as_json: bool, quiet: bool, dry_run: bool) -> None:
    from pipelines import report

    if as_json:
        say_json(report.as_json(outcome))
    elif not quiet:
        say(report.shown(outcome, settings, dry_run=dry_run))
    elif outcome.exit_code:
        say(report.summary(outcome, dry_run=dry_run), sys.stderr)
