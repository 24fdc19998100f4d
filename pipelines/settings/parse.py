"""Parses values of settings to a normal form; a ValueError holds the second half of a sentence ("must be …")."""

from __future__ import annotations

import json
import os
import re
from datetime import time, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import SecretStr

SPAN = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
MONTHS = ("", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
ITEM = re.compile(r"(\d+)(?:-(\d+)(?:/([1-9]\d?))?)?", re.ASCII)


class Column(NamedTuple):
    """One of the five columns of a crontab; a name stands for its index."""

    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()


COLUMNS = (
    Column("minute", 0, 59),
    Column("hour", 0, 23),
    Column("day of the month", 1, 31),
    Column("month", 1, 12, MONTHS),
    Column("weekday", 0, 7, WEEKDAYS),
)


def crontab(value: str) -> str:
    """Return the five columns of a crontab, with weekdays as names.

    Names, because cron's weekday 0 is Sunday and APScheduler's is Monday. Cron joins a day of the month and a weekday
    by "or", APScheduler by "and": both at once are refused, so that no schedule means something else.
    """
    parts = value.lower().split()
    if len(parts) != len(COLUMNS):
        raise ValueError(f"is {value!r}, but a crontab has five columns, as in '0 * * * *' (hourly)")
    *_, weekdays = (_numbers(value, part, column) for part, column in zip(parts, COLUMNS, strict=True))
    if parts[4] != "*":
        if parts[2] != "*":
            raise ValueError(f"is {value!r}, but either the day of the month or the weekday must be *")
        parts[4] = ",".join(WEEKDAYS[day] for day in sorted({number % 7 for number in weekdays}))
    return " ".join(parts)


def _numbers(value: str, part: str, column: Column) -> set[int]:
    """Return every number that one column of a crontab allows: `5`, `mon`, `1-5`, `1-5/2`, `*`, `*/2` or a list."""
    name, lowest, highest, names = column
    numbers: set[int] = set()
    for item in part.split(","):
        span = re.sub(r"^\*(?=/|$)", f"{lowest}-{highest}", item)
        span = re.sub(
            r"\b[a-z]{3}\b", lambda word: str(names.index(word[0])) if word[0] in names else "?", span
        )
        found = ITEM.fullmatch(span)
        first, last, step = (int(number or 0) for number in found.groups()) if found else (-1, -1, 0)
        if not lowest <= first <= (last := last or first) <= highest:
            raise ValueError(
                f"is {value!r}, but its {name} must be of {lowest}-{highest}, as in 5, 1-5 or 5,7 or */2"
            )
        numbers.update(range(first, last + 1, step or 1))
    return numbers


def span(value: object) -> timedelta:
    """Return `30m`, `12h`, `1d` or `2w` as a timedelta."""
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"(\d{1,5})\s*([mhdw])", str(value).strip().lower())
    if not found:
        raise ValueError(f"is {value!r}, but must be a span of time such as 30m, 12h, 1d or 2w")
    return timedelta(**{SPAN[found[2]]: int(found[1])})


def time_zone(value: str) -> str:
    """Return the name of a time zone that this machine knows, such as `Europe/Berlin`."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"is {value!r}, but must be a time zone such as UTC or Europe/Berlin") from None
    return value


def listen(value: str) -> str:
    """Return `address:port`, or an empty text."""
    _, colon, port = value.rpartition(":")
    if value and not (colon and port.isascii() and port.isdigit() and 0 <= int(port) < 65536):
        raise ValueError(f"is {value!r}, but must be an address and a port, as in 127.0.0.1:9464")
    return value


def quiet(value: str) -> str:
    """Return hours such as `22:00-07:00` in their normal form, empty for none."""
    return "-".join(f"{hour:%H:%M}" for hour in hours(value))


def hours(value: str) -> tuple[time, ...]:
    """Return the begin and the end of hours such as `22:00-07:00`; none if the text is empty."""
    try:
        found = tuple(time.fromisoformat(part.strip()) for part in value.split("-")) if value.strip() else ()
    except ValueError:
        found = (time(),)
    if len(found) not in {0, 2} or len(set(found)) != len(found) or any(hour.tzinfo for hour in found):
        raise ValueError(f"is {value!r}, but must be two times of a day such as 22:00-07:00")
    return found


def question(value: str) -> str:
    """Return a statement to ask, without white space around it."""
    if not value.strip():
        raise ValueError("is missing; give the watch a statement that reads, such as select … from cohorts")
    return value.strip()


def ping(value: SecretStr) -> SecretStr:
    """Return the URL of a dead-man's switch; a ValueError never repeats it, because whoever has it can use it."""
    parts = urlsplit(value.get_secret_value().strip())
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError("must be a URL such as https://hc-ping.com/…")
    return SecretStr(parts.geturl().rstrip("/"))


def location(path: Path) -> Path:
    """Return `path` with ~ replaced by the home folder, or unchanged if there is no home folder."""
    return Path(os.path.expanduser(path))  # noqa: PTH111


def dataset(value: str) -> str:
    """Return a name that Postgres, DuckDB and dlt all take unchanged."""
    # dlt adds _staging and more to it, Postgres cuts names at 63 bytes.
    if not re.fullmatch(r"(?!pg_)[a-z][a-z0-9]*(_[a-z0-9]+)*", value) or len(value) > 50:
        raise ValueError(f"is {value!r}, but must be a plain lower-case name such as posthog or posthog_eu")
    if value in {"main", "temp", "system", "information_schema"}:
        raise ValueError(f"is {value!r}, which databases keep for themselves; choose another name")
    return value


def long_secret(value: str) -> str:
    """Return a secret, too long to be guessed, without surrounding white space."""
    if len(value.strip()) < 16:
        raise ValueError("is shorter than 16 characters; set a long random text, or leave the setting out")
    return value.strip()


def listed(value: object) -> object:
    """Return a list, as TOML has it or as an environment variable spells it: `a, b` or `["a", "b"]`."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError("must be a list such as a, b") from None
    return [item.strip() for item in value.split(",") if item.strip()]


def paired(value: object) -> object:
    """Return a table, as TOML has it or as an environment variable spells it: `a = x, b = y`."""
    if not isinstance(value, str):
        return value
    pairs = [item.partition("=") for item in value.split(",") if item.strip()]
    if not all(equals for _, equals, _ in pairs):
        raise ValueError("must be pairs such as comments.content = drop, cohorts.filters = hash")
    return {key.strip(): given.strip() for key, _, given in pairs}
