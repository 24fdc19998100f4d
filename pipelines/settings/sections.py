"""The sections of `hogsync.toml`: their keys, defaults and meanings (the docstring below each key)."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from pipelines.settings import parse

Handling = Literal["keep", "hash", "drop"]
Names = Annotated[tuple[str, ...], BeforeValidator(parse.listed)]
Ids = Annotated[tuple[int, ...], BeforeValidator(parse.listed)]
Span = Annotated[timedelta, BeforeValidator(parse.span)]


def spelt(default: str) -> Any:
    """A default as a settings file spells it; it is parsed like any value."""
    return Field(default=default)


class Section(BaseModel):
    """One section of `hogsync.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class SelectionSettings(Section):
    """What a sync without names reads."""

    tables: Names = ()
    """Tables to sync; empty: those that `hogsync tables` shows as default."""


class GroupSettings(Section):
    """Tables that the schedule syncs together."""

    crontab: Annotated[str, AfterValidator(parse.crontab)] = "0 * * * *"
    """When the group is synced: minute, hour, day of the month, month, weekday."""
    tables: Names = ()
    """The group's tables; empty: the whole selection."""
    timezone: Annotated[str, AfterValidator(parse.time_zone)] = "UTC"
    """The time zone of the crontab, such as Europe/Berlin."""
    connections: Names = ()
    """The connections that are synced; empty: all."""
    timeout: Span | None = None
    """How long a run may take, such as 2h, before the schedule ends it; unset: no limit."""
    jitter: Span = spelt("0m")
    """A random delay of each run of the schedule, up to this span, so that many connections do not begin at once."""
    retries: int = Field(default=2, ge=0, le=3)
    """How often the schedule tries a failed run again, after 2, 10 and 50 minutes, before the group's next time."""


def plain_names(sections: dict[str, Any]) -> dict[str, Any]:
    """Return `sections`; raises ValueError for a name that an environment variable cannot have."""
    for name in sections:
        if not re.fullmatch(r"[a-z][a-z0-9_-]*", name):
            raise ValueError(
                f"has a section {name!r}; rename it, with lower-case letters, digits, - and _ only"
            )
    return sections


class ProjectsSettings(Section):
    """Which projects are read."""

    only: Ids = ()
    """Ids of the projects to read; empty: every project that the key reaches."""


class PrivacySettings(Section):
    """What is done with each class of data before it is stored."""

    person: Handling = "keep"
    """Identities of colleagues, IP addresses: keep, hash or drop."""
    recipient: Handling = "hash"
    """External addresses, such as recipients of subscriptions: keep, hash or drop."""
    text: Handling = "keep"
    """Free text, such as comments: keep, hash or drop."""
    customer: Handling = "drop"
    """Data about your own customers: keep, hash or drop."""
    columns: Annotated[dict[str, Handling], BeforeValidator(parse.paired)] = Field(default={})
    """Single columns that differ from their class, as in "comments.content" = "drop"."""


class RateSettings(Section):
    """The most requests that a run sends."""

    per_minute: int | None = Field(default=None, gt=0)
    """Requests a minute; unset: half of PostHog's limit on posthog.com, no limit elsewhere."""
    per_hour: int | None = Field(default=None, gt=0)
    """Requests an hour; unset: half of PostHog's limit on posthog.com, no limit elsewhere."""


class ConnectionRateSettings(RateSettings):
    """The most requests that a run sends with this connection's key."""

    per_minute: int | None = Field(default=None, gt=0)
    """Requests a minute; unset: as `[rate] per_minute`."""
    per_hour: int | None = Field(default=None, gt=0)
    """Requests an hour; unset: as `[rate] per_hour`."""


class ConnectionSettings(Section):
    """One of several PostHogs, each with a key and a dataset of its own; without any there is one, POSTHOG_HOST."""

    host: str = "https://us.posthog.com"
    """The PostHog to read."""
    key_env: str = ""
    """The variable that holds the personal API key, in the environment or in `.env`."""
    key_file: Annotated[Path, AfterValidator(parse.location)] | None = None
    """A file that holds the key instead."""
    dataset: str = ""
    """The schema in the warehouse; unset: posthog_ and the connection's name."""
    projects: Ids = ()
    """Ids of the projects to read; empty: every project that the key reaches."""
    rate: ConnectionRateSettings = ConnectionRateSettings()


class ListsSettings(Section):
    """How PostHog's lists are walked."""

    page_size: int = Field(default=1000, ge=1, le=10_000)
    """Rows a page, where PostHog lets the reader choose; at 1000 the size follows the answers, up to 10,000."""
    page_megabytes: int = Field(default=256, ge=1, le=4096)
    """The largest size of a page in megabytes; a larger page is refused."""
    in_flight: int = Field(default=8, ge=1, le=32)
    """Lists read at the same time."""
    ahead: int = Field(default=16, ge=1, le=32)
    """Pages of one long list requested at the same time; 1: one after another."""
    full_every: Span = spelt("1d")
    """How often a long list is walked in full: 30m, 12h, 1d, 2w."""
    sweep_every: Span = spelt("1d")
    """How often a list is read at least, if its parent row or the audit log shows no change; 0m: in every run."""
    announcements: Literal["auto", "always", "never"] = "auto"
    """Whether lists are skipped while the audit log announces no change: always, never, or auto, if lists are many."""
    full_every_of: Annotated[dict[str, Span], BeforeValidator(parse.paired)] = Field(default={})
    """Tables for which full_every differs, as in comments = "12h"."""
    resume_within: Span = spelt("1h")
    """After an interrupted run, the next run resumes a long list's saved pages up to this age; 0m saves none."""
    # A row of Postgres is one page of 8,160 bytes, and a long text takes 18 of them: beyond 440 columns it may not fit.
    new_columns: int = Field(default=100, ge=0, le=350)
    """Columns that fields unknown to hogsync may add to a table; further ones share the column `_other_fields`."""


class HistorySettings(Section):
    """Which tables have a history."""

    enabled: bool = True
    """Whether `<table>_history` keeps the versions of each row; streams have none, because their rows are events."""
    without: Names = ()
    """Tables without a history."""


class LogSettings(Section):
    """How log lines are written to stderr."""

    format: Literal["text", "json"] = "text"
    """text, or json for one JSON object per line; a terminal always gets text."""
    level: Literal["debug", "info", "warning", "error"] | None = None
    """The least severe lines that are written; unset: info, on a terminal and in commands that only read warning."""


class ServiceSettings(Section):
    """What others learn of the service, and of each run."""

    listen: Annotated[str, AfterValidator(parse.listen)] = ""
    """Where /livez, /readyz and /metrics are served, such as 127.0.0.1:9464; empty: nowhere."""
    ping: Annotated[SecretStr, AfterValidator(parse.ping)] | None = None
    """The URL of a dead-man's switch, which gets URL/start, then URL or URL/fail; {connection} stands for its name."""


class SyncSettings(Section):
    """What the end of a sync means."""

    strict: bool = False
    """Whether a run with warnings, except of alerts and pings not sent, ends with exit code 1, as `sync --strict`."""


class AlertsSettings(Section):
    """Who is told when a state that needs a person begins and when it ends."""

    urls: Annotated[tuple[SecretStr, ...], BeforeValidator(parse.listed)] = ()
    """Whom to tell: URLs of Apprise for chat, mail, pagers and webhooks; they hold credentials and are never shown."""
    quiet: Annotated[str, AfterValidator(parse.quiet)] = ""
    """Hours in which nobody is told, as in 22:00-07:00; the first run after them tells what waited."""
    timezone: Annotated[str, AfterValidator(parse.time_zone)] = "UTC"
    """The time zone of the quiet hours, such as Europe/Berlin."""


class WatchSettings(Section):
    """A question of your own, asked after each run; its answer is an alert."""

    sql: Annotated[str, AfterValidator(parse.question)] = ""
    """The statement to ask, which can only read."""
    when: Literal["rows", "changed"] = "rows"
    """rows: the alert stands while there are rows; changed: one alert each time the answer differs from the last."""
    title: str = ""
    """What the message says of the answer; unset: the name of the watch."""
    show: bool = False
    """Whether the message holds the first rows of the answer, instead of their number only."""


class WarehouseSettings(Section):
    """How long to wait for the warehouse, and who else can read it."""

    wait: float = Field(default=60, ge=0)
    """Seconds to wait for a warehouse that another process holds."""
    parallel: int = Field(default=1, ge=1, le=64)
    """Connections that are synced at the same time into Postgres; a DuckDB file takes one after another."""
    storage_version: Literal["v1.0.0", "v1.2.0", "v1.3.0", "v1.4.0", "v1.5.0", "v2.0.0"] = "v1.5.0"
    """The oldest DuckDB that can open a new DuckDB file; an existing file stays as it is."""


class PublishSettings(Section):
    """A copy of a DuckDB warehouse, which others read while a sync writes."""

    path: Annotated[Path, AfterValidator(parse.location)] | None = None
    """The DuckDB file for readers, replaced after each run that wrote rows; unset: none."""
    without: Names = ()
    """Tables to leave out with their child tables, histories and trends, such as people."""
    parquet: bool = False
    """Whether each table is also written as a Parquet file, into a folder beside the file."""
