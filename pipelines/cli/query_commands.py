"""The commands that only read: `check`, `tables`, `query`, `diff`; and `sandbox`, a PostHog to practise on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pipelines.cli.app import AsJson, OneConnection, command, ready, require_sandbox
from pipelines.cli.each_connection import one_or_each, refuse_both
from pipelines.console import is_wider, plain_table, printable, rendered, write_json, write_line
from pipelines.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from pipelines.settings import Settings
    from sources.sandbox import Sandbox

MARKS = {True: "✓", False: "✗", None: "·"}
Format = Literal["table", "csv", "json", "jsonl", "markdown", "parquet"]


@command
def check(
    connection: OneConnection = None,
    as_json: AsJson = False,
    report_file: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="FILE", help="Write how PostHog's lists look, without their content."
        ),
    ] = None,
) -> int:
    """Say what the key reaches and lacks, whether the warehouse can be written, and what to do."""
    settings = ready()
    if report_file and connection is None and len(settings.each_connection()) > 1:
        raise UsageError("--report writes one file for one PostHog: say which by --connection NAME.")
    place = one_or_each(settings, connection, "check", as_json=as_json)
    if isinstance(place, int):
        return place
    from pipelines import logs
    from pipelines.check import check as checked
    from pipelines.check.report import Samples, refuse_unwritable, write_report

    logs.concern(place)
    samples = Samples()
    if report_file:
        refuse_unwritable(report_file)
    report = checked(place, samples.observe) if report_file else checked(place)
    if report_file:
        said = write_report(report_file, place.origin, report.access, samples)
        write_line(said, sys.stderr)
    if as_json:
        write_json(report.as_json())
    else:
        write_line("\n".join(f"{MARKS[one.ok]} {printable(one.text)}" for one in report.findings))
    return report.exit_code


@command
def tables(as_json: AsJson = False) -> int:
    """List the tables that can be synced, by subject, and the lists that cannot, with the reason."""
    from sources.posthog.table_docs import overview

    rows = overview()
    if as_json:
        write_json({"tables": rows})
        return 0
    shown = _as_table(rows, ("table", "group", "default", "key", "plan", "scope", "meaning"))
    if sys.stdout.isatty() and is_wider(shown):  # the meaning needs the room
        shown = _as_table(rows, ("table", "default", "meaning"))
    write_line(rendered(shown))
    beside = ", ".join(name for row in rows for name in row["derived"] if not name.endswith("_history"))
    write_line(f"\nA table of plan snapshot has its versions in <table>_history. Kept over time: {beside}.")
    return 0


def _as_table(rows: Iterable[Mapping[str, Any]], headings: Sequence[str]) -> Table:
    from rich.table import Column

    shown = plain_table(*(Column(one, no_wrap=one not in {"key", "meaning"}) for one in headings))
    for row in rows:
        cells = {**row, "key": ", ".join(row["key"]), "default": "yes" if row["default"] else "no"}
        shown.add_row(*(cells[one] for one in headings))
    return shown


@command
def query(  # noqa: PLR0917  Typer reads options off parameters
    sql: Annotated[
        str | None, typer.Argument(metavar="SQL", help="For instance: select * from cohorts; - reads stdin.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", metavar="FILE", help="Read the SQL from a file; - for stdin."),
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="How the answer is written; a table unless --out says more."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write into this file, whole or not at all."),
    ] = None,
    connection: OneConnection = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Ask sandbox.duckdb.")] = False,
    as_json: AsJson = False,
) -> int:
    """Ask the warehouse a question in SQL; nothing in it can be changed this way."""
    from pipelines.query.formats import write_answer
    from pipelines.query.query import connected

    settings = ready()
    if as_json and form not in {None, "json"}:
        raise UsageError(f"--json and --format {form} exclude each other; give one of them.")
    refuse_both(connection, sandbox=sandbox)
    question = _question(sql, file)
    place = settings if connection is None else settings.connection(connection)
    with connected(settings.for_sandbox(settings.origin, "") if sandbox else place) as session:
        write_answer(session, question, "json" if as_json else form, out)
    return 0


def _question(sql: str | None, file: Path | None) -> str:
    """Return the SQL given in one of three ways; raises UsageError for none, for two, or for invalid text."""
    if (sql is None) == (file is None):
        raise UsageError(
            "Give the SQL once: as in `hogsync query 'select 1'`, or by --file FILE, or - to read standard input."
        )
    try:
        if file and str(file) != "-":
            text = file.read_text("utf-8-sig")
        else:
            text = sys.stdin.read() if sql in {None, "-"} else str(sql)
        text.encode()
    except OSError as error:
        raise UsageError(
            f"The SQL could not be read from {file or '-'}: {error.strerror}. Check the path."
        ) from None
    except UnicodeError:
        raise UsageError("The SQL is not UTF-8; save the file as UTF-8.") from None
    return text


@command
def diff(
    since: Annotated[
        str, typer.Option(metavar="ISO", help="A date, a time (UTC) or a span, such as 2026-11-20 or 2d.")
    ],
    tables: Annotated[list[str] | None, typer.Argument(metavar="TABLE", help="Only these tables.")] = None,
    connection: OneConnection = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Look into sandbox.duckdb.")] = False,
    as_json: AsJson = False,
) -> int:
    """Say what was added, changed and removed in PostHog since some time."""
    settings = ready()
    place: Settings | int = settings.for_sandbox(settings.origin, "") if sandbox else settings
    refuse_both(connection, sandbox=sandbox)
    if not sandbox:
        place = one_or_each(settings, connection, "diff", as_json=as_json)
    if isinstance(place, int):
        return place
    from pipelines.diff import diff as compared
    from pipelines.diff.render import remarks, render

    found = compared(place, tables or [], since)
    for remark in remarks(found):
        write_line(remark, sys.stderr)
    write_json(found.as_json()) if as_json else write_line(render(found))
    return 0


@command
def sandbox(
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="The port to listen on; 0 takes a free one.")
    ] = 8765,
    size: Annotated[str, typer.Option(help="small, medium, or how many times as large as small.")] = "small",
    seed: Annotated[int, typer.Option(help="Another seed is another company.")] = 1,
    now: Annotated[
        str | None,
        typer.Option(metavar="ISO", help="When its company ends: then it is the same at every start."),
    ] = None,
    day: Annotated[
        bool,
        typer.Option("--day", help="Let a day's changes happen, in the one that runs or else the kept one."),
    ] = False,
) -> int:
    """Run a PostHog to practise on, until Ctrl-C; its company lives on from run to run."""
    from pipelines.settings.since import parse_since
    from pipelines.work_dir import folder_below
    from sources.sandbox import start
    from sources.sandbox.state import times_as_large

    settings = ready()
    require_sandbox()
    if day and now:
        raise UsageError(
            "--now and --day exclude each other: a company that ends then does not move on. Give one of them."
        )
    if not times_as_large(size):
        raise UsageError(f"--size {size}: give small, medium or a whole number from 1.")
    moment = parse_since("--now", now, datetime.now(UTC)) if now else None
    kept = None if now else folder_below(settings.home, "sandbox")
    begin = partial(start, seed=seed, size=size, now=moment, kept=kept)
    try:
        return _let_a_day_pass(port, begin) if day else _serve(begin(port))
    except RuntimeError:  # its message is on stderr already
        return UsageError.exit_code


def _let_a_day_pass(port: int, begin: Callable[[], Sandbox]) -> int:
    """Let a day pass in the running sandbox, or in the kept company, where starting it does so."""
    from sources.sandbox import let_a_day_pass

    if not let_a_day_pass(port):
        begin().stop()
    write_line("A day's changes have happened; the next sync brings them.")
    return 0


def _serve(running: Sandbox) -> int:
    with running:
        write_line(_invitation(running.url, running.key))
        try:
            return running.process.wait()
        except KeyboardInterrupt:
            return 0


def _invitation(url: str, key: str) -> str:
    return (
        f"A PostHog to practise on listens at {url} until Ctrl-C; in another terminal:\n\n"
        f"export POSTHOG_HOST={url}\nexport POSTHOG_PERSONAL_API_KEY={key}\n\n"
        "Give it a warehouse of its own (WAREHOUSE_URL=duckdb:///practice.duckdb): a dataset holds one PostHog."
    )
