"""Spells one connection string of a Postgres for hogsync, dlt and ADBC.

A URL -> libpq's own form (`host=… dbname=…`), parsed by libpq itself: sockets, several hosts, services.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

from destinations.warehouse import WarehouseUnavailable, first_line

STEADY = "-cquote_all_identifiers=off -cclient_min_messages=error"
"""For every session: ADBC finds no types under quoted names, and prints a server's notices."""
LONGEST = 2_000_000
"""Seconds; Postgres counts its time-outs in milliseconds of 32 bits."""


def connection_string(url: str, defaults: Mapping[str, str | int], *, options: str | None = "") -> str:
    """Return a URL as a connection string with defaults and session options; the URL's own values win over these.

    The encoding is always UTF-8. `options` None: no options at all, not even those of the URL or PGOPTIONS.
    """
    given = parse_dsn(url)
    own = "" if options is None else f"{options} {given.get('options', '')}".strip()
    # Set against any role, database or PGCLIENTENCODING: text in another encoding would be damaged.
    return str(make_dsn(**{**defaults, **given, "options": own, "client_encoding": "UTF8"}))


def connect(url: str, defaults: Mapping[str, str | int], *, options: str | None = "") -> tuple[Any, bool]:
    """Return a connection, and whether the server takes options: some poolers refuse any.

    Only its message tells why a server refuses, so a second attempt is made without options; if that fails, too, the
    first refusal is raised.
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
    """Return the options of a session that waits at most this long for a lock."""
    return f"{STEADY} -clock_timeout={min(max(1, seconds), LONGEST):.0f}s"


class InvalidUrl(WarehouseUnavailable):
    """libpq does not understand the URL."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise psycopg2's errors as those of `destinations.warehouse`, with their first line."""
    try:
        yield
    except psycopg2.Error as error:
        raised_here = isinstance(error, psycopg2.ProgrammingError) and error.pgcode is None
        raise (InvalidUrl if raised_here else WarehouseUnavailable)(first_line(error)) from error
