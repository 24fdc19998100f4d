"""Parses the personal API key and `WAREHOUSE_URL`; `client.origin` parses `POSTHOG_HOST`.

An invalid value raises ValueError with the second half of a sentence, which never repeats a password or a key.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self
from urllib.parse import parse_qsl, unquote

from pydantic import SecretStr

NOT_A_KEY = {
    "phc_": "is a project token, not a personal API key",
    "phs_": "is a project secret key, not a personal API key",
}
MAKE_ONE = "create a personal API key (phx_…) in the settings of your PostHog user"
DUCKDB = "duckdb:///hogsync.duckdb (a relative path) or duckdb:////data/hogsync.duckdb (an absolute one)"
POSTGRES = "postgresql://user:password@host/database"
SERVER = re.compile(
    r"postgresql://((?P<user>[^/?#]*)@)?(?P<hosts>[^/?#@]*)(?P<database>(/[^?#]*)?)(\?|(?=$))(?P<query>[^#]*)"
)
"""As libpq parses it; there may be several hosts, or none if a socket or an option names them."""
HOST = re.compile(r"(\[[^\[\]]+\]|[^:\[\]]*)(:\d*)?", re.ASCII)


def personal_key(value: str) -> str:
    """Return the key without surrounding white space; raises ValueError, without the value, for other texts."""
    key = value.strip()
    if not key:
        raise ValueError("is empty; give a personal API key, or leave the setting out")
    if key[:4] in NOT_A_KEY:
        raise ValueError(f"{NOT_A_KEY[key[:4]]}; {MAKE_ONE}")
    if not re.fullmatch(r"ph[xa]_[\w-]+|(?!ph[a-z]_)[\w-]{20,}", key, re.ASCII):
        raise ValueError(
            f"does not look like a personal API key; give the bare key without quotes, or {MAKE_ONE}"
        )
    return key


@dataclass(frozen=True, slots=True)
class WarehouseUrl:
    """The address of the warehouse; `label` is safe to print, `dsn` is not and therefore hides itself."""

    kind: Literal["duckdb", "postgresql"]
    label: str
    path: Path = Path()
    """DuckDB: the file as given, relative to the working directory unless absolute."""
    dsn: SecretStr = field(default=SecretStr(""))
    """Postgres: the whole URL with its options, as libpq reads it."""

    @property
    def catalog(self) -> str:
        """Return DuckDB's own name for the file: its name up to the first dot, compared without case."""
        return self.path.name.lstrip(".").split(".")[0].lower()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return texts that must never be printed: the password as written and decoded."""
        found = SERVER.fullmatch(self.dsn.get_secret_value())
        password = (found["user"] or "").partition(":")[2] if found else ""
        options = dict(parse_qsl(found["query"])) if found else {}
        shown = {password, unquote(password), options.get("password", ""), options.get("sslpassword", "")}
        return tuple(sorted(shown - {""}))

    @classmethod
    def parse(cls, value: str) -> Self:
        """Return the warehouse of a URL; raises ValueError with the possible forms."""
        url = value.strip()
        if file := re.fullmatch(r"duckdb:///([^?]+)", url):
            return cls._file(unquote(file[1]))
        if server := re.fullmatch(r"postgres(?:ql)?(://.*)", url):
            return cls._server(f"postgresql{server[1]}")
        raise ValueError(f"must be {DUCKDB}, or {POSTGRES}")

    @classmethod
    def _file(cls, name: str) -> Self:
        if ":memory:" in name:
            raise ValueError(f"names no file, and what is in memory is gone after the run; write {DUCKDB}")
        path = Path(os.path.expanduser(name))  # noqa: PTH111  (leaves ~ alone where there is no home folder)
        if os.path.isdir(path):  # noqa: PTH112  (says no where Path.is_dir raises PermissionError)
            example = f"duckdb:///{name.rstrip('/')}/hogsync.duckdb"
            raise ValueError(f"names a folder ({path}); name a file in it, as in {example}")
        return cls(kind="duckdb", label=str(path), path=path)

    @classmethod
    def _server(cls, url: str) -> Self:
        # libpq and urllib disagree about the meaning of an unescaped @ : / ? # in a password; refusing it keeps half a
        # password from becoming a host name that an error message prints.
        found = SERVER.fullmatch(url)
        if not found or url.count("@") > (found["user"] is not None):
            raise ValueError(
                "has a special character in its user name or password that must be percent-encoded"
                " (@ as %40, : as %3A, / as %2F, ? as %3F, # as %23)"
            )
        hosts, options = found["hosts"], dict(parse_qsl(found["query"]))
        if not all(HOST.fullmatch(host) for host in hosts.split(",")):
            raise ValueError(
                f"has a port that is no number, or a special character that is not percent-encoded; write {POSTGRES}"
            )
        database = unquote(found["database"].strip("/")) or options.get("dbname", "")
        if not database:
            raise ValueError(f"names no database; write {POSTGRES}")
        beside = f"?host={options['host']}" if "host" in options and not hosts else ""
        label = f"postgresql://{hosts}/{database}{beside}"
        return cls(kind="postgresql", label=label, dsn=SecretStr(url))
