"""Where the company is kept: one generic table; a row's sort and filter columns are derived from its JSON."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec
from django.db import connection, models

Row: TypeAlias = dict[str, Any]


class Json(models.JSONField):
    """A JSON field that decodes fast: a page of a thousand rows is mostly decoding."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Decode what SQLite gives, unless a key transform already did."""
        del expression, connection
        return msgspec.json.decode(value) if isinstance(value, str) else value


class Record(models.Model):
    """One row of one list. `data` is the row as the API shows it, with people as bare integer ids."""

    table = models.CharField(max_length=40)
    organization = models.CharField(max_length=36, null=True)  # noqa: DJ001
    project = models.IntegerField(null=True)
    # The id of the row above; a property definition's type, with the index for groups: "group:1".
    parent = models.CharField(max_length=60, default="")
    number = models.BigIntegerField(null=True)
    uid = models.CharField(max_length=60, null=True)  # noqa: DJ001
    name = models.CharField(max_length=500)
    scope = models.CharField(max_length=79, null=True)  # noqa: DJ001
    created_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(null=True)
    next_delivery_date = models.DateTimeField(null=True)
    deleted = models.BooleanField(null=True)
    verified = models.BooleanField(null=True)
    data = Json()

    class Meta:
        """Indexed for the walks that the lists do."""

        app_label = "sandbox"
        indexes = (
            models.Index(fields=["table", "project", "parent", "name"], name="by_name"),
            models.Index(fields=["table", "project", "parent", "created_at", "uid"], name="by_created"),
        )

    def __str__(self) -> str:
        """Table and id."""
        return f"{self.table} {self.number or self.uid or self.name}"

    def change(self, **fields: Any) -> None:
        """Set fields of the row and derive its columns again."""
        self.data.update(fields)
        for column, value in derived(self.data).items():
            setattr(self, column, value)
        self.save()


MADE = ("created_at", "joined_at", "date_joined", "started_at", "timestamp")
"""Fields that tell when a row came to be; a row has one of them."""


def derived(row: Row) -> dict[str, Any]:
    """The columns that follow from the row itself."""
    ident = row.get("id")
    return {
        "number": ident if isinstance(ident, int) else row.get("group_type_index"),
        "uid": ident if isinstance(ident, str) else None,
        "name": str(row.get("name") or row.get("title") or ""),
        "scope": row.get("scope"),
        "created_at": moment(next(filter(None, map(row.get, MADE)), None)),
        "updated_at": moment(row.get("updated_at")),
        "last_seen_at": moment(row.get("last_seen_at")),
        "next_delivery_date": moment(row.get("next_delivery_date")),
        "deleted": row.get("deleted"),
        "verified": row.get("verified"),
    }


def moment(text: object) -> datetime | None:
    """A time as the API writes it, or None for null and for what is no time."""
    try:
        return _aware(datetime.fromisoformat(text)).astimezone(UTC) if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)


DERIVED = tuple(derived({}))


def insert(
    table: str,
    rows: Iterable[Row],
    *,
    organization: str | None = None,
    project: int | None = None,
    parent: str = "",
) -> int:
    """Add rows to one list, past the ORM: a large company has some hundred thousand. Gives their number."""
    place = (table, organization, project, parent)
    values = [
        (*place, *map(_plain, derived(row).values()), msgspec.json.encode(row).decode()) for row in rows
    ]
    names = ("table", "organization", "project", "parent", *DERIVED, "data")
    columns = ", ".join(f'"{name}"' for name in names)
    marks = ", ".join(["%s"] * len(names))
    with connection.cursor() as cursor:
        cursor.executemany(f'INSERT INTO "{Record._meta.db_table}" ({columns}) VALUES ({marks})', values)  # noqa: SLF001
    return len(values)


def _plain(value: object) -> object:
    # As Django's SQLite backend stores a time: in UTC, without saying so. Comparisons in SQL compare text.
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ") if isinstance(value, datetime) else value
