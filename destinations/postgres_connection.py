"""Spells one connection string of a Postgres for hogsync, dlt and ADBC.

A URL -> libpq's own form (`host=… dbname=…`), parsed by libpq itself: sockets, several hosts, services.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

STEADY = "-cquote_all_identifiers=off -cclient_min_messages=error"
"""For every session: ADBC does not find the types under quoted names, and prints what a server only remarks."""
LONGEST = 2_000_000
"""Seconds; Postgres counts its time-outs in milliseconds of 32 bits."""


def connection_string(url: str, defaults: Mapping[str, str | int], *, options: str | None = "") -> str:
    """A URL with defaults, and options for the start of the session; its own win, but for the encoding.

    `options` None: none at all, nor those of the URL or PGOPTIONS.
    """
    given = parse_dsn(url)
    own = "" if options is None else f"{options} {given.get('options', '')}".strip()
    # Whatever a role, a database or PGCLIENTENCODING says: text that comes or goes as something else is spoilt.
    return str(make_dsn(**{**defaults, **given, "options": own, "client_encoding": "UTF8"}))


def connect(url: str, defaults: Mapping[str, str | int], *, options: str | None = "") -> tuple[Any, bool]:
    """A connection, and whether the server takes options: some poolers refuse whoever comes with any.

    Why a server refuses nobody can tell but by its words; so it is asked again without, and the first refusal holds
    unless that helps.
    """
    with_options = connection_string(url, defaults, options=options)
    try:
        return psycopg2.connect(with_options), options is not None
    except psycopg2.OperationalError as refusal:
        without = connection_string(url, defaults, options=None)
        if without == with_options:
            raise
        try:
            return psycopg2.connect(without), False
        except psycopg2.OperationalError:
            raise refusal from None


def giving_up_after(seconds: float) -> str:
    """The options of a session that gives up on a lock after so long."""
    return f"{STEADY} -clock_timeout={min(max(1, seconds), LONGEST):.0f}s"
