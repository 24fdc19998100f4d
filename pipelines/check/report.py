"""Writes what PostHog's lists look like, without anything that stands in them: `hogsync check --report FILE`.

One page of each list -> its status, envelope, order, and per field type and share of nulls, as `Sample`s that hold no
value. A field's name is written only if the catalogue declares it, or if every row of a page has it: then the name is
PostHog's own. Any other name may be a key in a customer's data.
"""

from __future__ import annotations

import json
import platform
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from pipelines.atomic_file import write_atomically
from pipelines.check.access import Access, Observe, Probe
from pipelines.errors import UsageError
from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.catalogue.endpoint import Endpoint

FORMAT = 1
ROWS = 100
"""The most rows that are looked at for each list."""
ENVELOPE = ("count", "next", "previous", "results", "has_next", "count_is_capped")
QUERY = ("limit", "offset", "cursor", "page", "page_size", "before", "after")
DECLARED_NAMES = frozenset(one.name for endpoint in ENDPOINTS.values() for one in endpoint.fields)
FIELD_NAME = re.compile(r"[a-z][A-Za-z0-9_]{0,59}")


@dataclass(slots=True)
class Sample:
    """What was seen of the lists of one endpoint; no value of any row."""

    seconds: list[float] = field(default_factory=list)
    bytes: int = 0
    rows: int = 0
    repeated: int = 0
    """Rows whose key came before on the same page."""
    envelopes: Counter[str] = field(default_factory=Counter)
    nexts: Counter[str] = field(default_factory=Counter)
    orders: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    types: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By field, how many values had each type."""
    unnamed: int = 0
    """Number of fields whose names are left out: such a name may be a customer's data."""

    def answered(self, body: Any, seconds: float, size: int) -> None:
        """Note what an answer is made of."""
        self.seconds.append(seconds)
        self.bytes += size
        self.envelopes[_envelope(body)] += 1
        if isinstance(body, dict):
            self.nexts[_link(body.get("next"))] += 1

    def listed(self, endpoint: Endpoint, rows: Sequence[Any]) -> None:
        """Note the types, the order and the repetitions of a page's rows."""
        objects = [row for row in rows if isinstance(row, dict)]
        self.rows += len(rows)
        names = {name for row in objects for name in row}
        for name in names:
            if _is_safe(name, objects):
                self.types[name].update(_type(row[name]) if name in row else "absent" for row in objects)
            else:
                self.unnamed += 1
        keys = [repr([row.get(name) for name in endpoint.key if name in row]) for row in objects]
        self.repeated += len(keys) - len(set(keys))
        for name in (endpoint.cursor_field, endpoint.key[-1]):
            self.orders[name][_order([row[name] for row in objects if row.get(name) is not None])] += 1


class Samples:
    """The samples of all lists, by table; `observe` is what `Access` tells."""

    def __init__(self) -> None:
        self.by_table: dict[str, Sample] = defaultdict(Sample)
        self._lock = Lock()
        self.observe = Observe(self._answered, self._listed, ROWS)

    def _answered(self, endpoint: Endpoint, body: Any, seconds: float, size: int) -> None:
        with self._lock:
            self.by_table[endpoint.table].answered(body, seconds, size)

    def _listed(self, endpoint: Endpoint, rows: Sequence[Any]) -> None:
        with self._lock:
            self.by_table[endpoint.table].listed(endpoint, rows)


def refuse_unwritable(file: Path) -> None:
    """Raise UsageError before anything is asked if the report cannot be written."""
    with _translated(file):
        if file.exists() and not file.is_file():
            raise _refusal(file, "it is no file that could be replaced")
        with TemporaryFile(dir=file.resolve().parent):
            pass


def write_report(file: Path, origin: str, access: Access | None, samples: Samples) -> str:
    """Write the report, and return a sentence about it; raises UsageError if the file cannot be written.

    Without access there is nothing to report, and a file of an earlier check stays.
    """
    if not access:
        return f"{file} is not written, because no list could be read."
    found = report(origin, access, samples)
    with _translated(file):
        write_atomically(file.resolve(), json.dumps(found, indent=1))
    return (
        f"Written to {file}: how {len(found['lists'])} lists look, without a value, a name or an id of their rows. "
        "Read it before you send it."
    )


@contextmanager
def _translated(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _refusal(file, error.strerror) from None


def _refusal(file: Path, why: str | None) -> UsageError:
    return UsageError(f"The report cannot be written to {file}: {why}; name another file.")


def report(origin: str, access: Access, samples: Samples) -> dict[str, Any]:
    """Return what a person can send without fear, ready for JSON."""
    return {
        "format": FORMAT,
        "hogsync": version("hogsync"),
        "python": platform.python_version(),
        "host": _host(origin),
        "restricted_to_projects": bool(access.key and access.key.projects),
        "lists": [
            {
                "table": table,
                "paths": list(one.endpoint.paths),
                "parents": one.parents,
                "statuses": _statuses(one.answers),
                "counts": sorted(answer.count for answer in one.answers if answer.count is not None),
                **_described(one.endpoint, samples.by_table[table]),
            }
            for table, one in access.asked.items()
        ],
    }


def _described(endpoint: Endpoint, sample: Sample) -> dict[str, Any]:
    declared = {one.name: one for one in endpoint.fields}
    fields = {
        name: {
            "declared": declared[name].type if name in declared else None,
            "types": dict(
                sorted((type_, n) for type_, n in types.items() if type_ not in {"null", "absent"})
            ),
            "null": _share(types["null"], types.total()),
            "absent": _share(types["absent"], types.total()),
        }
        for name, types in sorted(sample.types.items())
    }
    return {
        "rows": sample.rows,
        "rows_repeated": sample.repeated,
        "bytes": sample.bytes,
        "seconds": round(median(sample.seconds), 3) if sample.seconds else None,
        "declared_paging": endpoint.pagination,
        "envelope": dict(sample.envelopes),
        "next": dict(sample.nexts),
        "order": {name: dict(orders) for name, orders in sample.orders.items()},
        "fields": fields,
        "fields_not_named": sample.unnamed,
        "fields_missing": sorted(declared.keys() - fields.keys()) if sample.rows else [],
    }


def _share(number: int, total: int) -> float:
    return round(number / total, 2) if total else 0.0


def _statuses(answers: Iterable[Probe]) -> dict[str, int]:
    return dict(Counter(str((one.trouble.status or "no answer") if one.trouble else 200) for one in answers))


def _host(origin: str) -> str:
    name = urlsplit(origin).hostname or ""
    clouds = {"us.posthog.com": "cloud, us", "eu.posthog.com": "cloud, eu"}
    return clouds.get(name, "cloud" if f".{name}".endswith(".posthog.com") else "self-hosted")


# -- what may be written of an answer


def _is_safe(name: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    if name in DECLARED_NAMES:
        return True
    return len(rows) > 1 and bool(FIELD_NAME.fullmatch(name)) and all(name in row for row in rows)


def _envelope(body: Any) -> str:
    if not isinstance(body, dict):
        return "an array" if isinstance(body, list) else f"a {_type(body)}"
    known = [name for name in ENVELOPE if name in body]
    others = len(body) - len(known)
    return ", ".join([*known, *[f"{others} other keys"] * bool(others)]) or "an empty object"


def _link(link: Any) -> str:
    if not isinstance(link, str) or not link:
        return _type(link)
    parts = urlsplit(link)
    names = [name for name, _ in parse_qsl(parts.query)]
    where = "absolute" if parts.netloc else "relative"
    return f"{where}, with {', '.join(sorted({*names} & {*QUERY})) or 'nothing known'} in its query"


TYPES = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    dict: "object",
    list: "array",
}


def _type(value: Any) -> str:
    return _type_of_text(value) if isinstance(value, str) else TYPES.get(type(value), "number")


def _type_of_text(value: str) -> str:
    for kind, parse in (("uuid", UUID), ("time", datetime.fromisoformat)):
        try:
            parse(value)
        except ValueError:
            continue
        return kind
    return "text" if value else "empty text"


def _order(values: Sequence[Any]) -> str:
    """Return how values of one type are ordered; texts only if they are times."""
    if len(values) < 2:
        return "too few"
    pairs = [
        (str(one), str(other)) if isinstance(one, str) else (one, other) for one, other in pairwise(values)
    ]
    try:
        rises, falls = any(one < other for one, other in pairs), any(one > other for one, other in pairs)
    except TypeError:
        return "mixed types"
    return {(True, False): "rising", (False, True): "falling", (False, False): "equal"}.get(
        (rises, falls), "none"
    )
