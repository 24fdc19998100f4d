"""A PostHog made from the catalogue alone, with a canary in every field that has a class: `with planted() as garden`.

A list that is added to the catalogue is served, and its fields are planted, without a word here. Each list has a few
rows: as PostHog sends them, with values of other types, with a webhook for a recipient. Every row has fields besides
that no catalogue declares.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any
from urllib.parse import parse_qs

from sources.posthog.catalogue import ENDPOINTS, PEOPLE, parent_of
from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.fields import Field
from sources.sandbox import Sandbox
from tests.sources.posthog.client.wire_server import Asked, http, serving

FIRST = {"id-0", "1"}
"""Ids of the rows that have lists below them; below the others they are empty."""
KEY = "phx_canary_key_0123456789"
MARK = re.compile(r"canary\d{5}x")
USUAL, ODD, WEBHOOK = range(3)
PLAIN: dict[str, Any] = {
    "bigint": 1,
    "text": "plain",
    "bool": False,
    "double": 0.5,
    "timestamp": "2026-11-01T08:00:00Z",
}
NEVER = "secret"
"""The class of what is stored under no setting: credentials, and what the catalogue leaves out."""
STRICTER = {("integrations", "config"): NEVER}
"""Fields of which an audit log may tell more than the list shows."""
SAME_FIELDS = ("activity_log", "advanced_activity_logs")
"""Tables whose fields are those of the organization's audit log."""
UNKNOWN = "address"
"""The class of an address in a field that nobody declared: it may be a colleague's or a stranger's."""


@dataclass(frozen=True, slots=True)
class Canary:
    """One value that stands nowhere else."""

    kind: str
    table: str
    """Where it ends if it is kept."""
    where: str
    hashed: str = ""
    """Of what the hash is stored if it is hashed; empty where it hides in a larger value."""
    inside: str = ""
    """The class of the value that it is a part of, if that has one of its own."""


@dataclass(slots=True)
class Garden:
    """The canaries by their marks, and the rows that they sit in."""

    origin: str = ""
    canaries: dict[str, Canary] = field(default_factory=dict)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(1000))
    breaks_off_after: int = 0
    """If not 0: lists that hogsync may go on with consist of so many pages, all alike, and another one that fails."""

    def canary(self, kind: str, table: str, where: str, shown: str = "{}", *, alone: bool = False) -> str:
        """A new canary as it stands in its value."""
        mark = f"canary{len(self.canaries):05}x"
        text = shown.format(mark)
        self.canaries[mark] = Canary(kind, table, where, text if alone else "")
        return text

    def row(self, endpoint: Endpoint, way: int) -> dict[str, Any]:
        """One row of a list."""
        several = [one.name for one in endpoint.fields if one.role == "recipients"][1:]
        row = {
            one.name: None
            if one.name in several
            else self.value(endpoint, one, way)  # the first that has any counts
            for one in endpoint.fields
        }
        keys = {one.name: one for one in endpoint.fields if one.name in endpoint.key}
        row |= {name: way + 1 if one.type == "bigint" else f"{name}-{way}" for name, one in keys.items()}
        if any(one.role == "identity" for one in endpoint.fields):
            row["id"] = next(self.numbers)
        if endpoint.content_key:
            row[endpoint.content_key[0]] = str(next(self.numbers))
        for child in ENDPOINTS.values():
            if child.below_only and parent_of(child.paths[0]) is endpoint:
                row[child.below_only[0]] = child.below_only[1][0]
        if "target_type" in row:
            row["target_type"] = "webhook" if way == WEBHOOK else "email"
        return row | self.undeclared(endpoint.table)

    def value(self, endpoint: Endpoint, one: Field, way: int) -> Any:
        """A value for a declared field, whatever its role and class."""
        table, where = endpoint.table, f"{endpoint.table}.{one.name}"
        match one.role:
            case "secret" | "ignored":
                mark = self.canary(NEVER, table, where)
                made: Any = {"deep": [mark]} if way == ODD else mark
            case "person":
                made = self.person(where, way)
            case "reference":
                made = {"id": PLAIN[one.type], "name": self.canary(NEVER, table, where)}
            case "identity":
                people = next(each for each in PEOPLE.fields if each.name == one.name)
                made = (
                    PLAIN[people.type]
                    if people.privacy == "open"
                    else self.classed(people, PEOPLE.table, where, way)
                )
            case "items":
                made = [PLAIN[one.type]]
            case "recipients":
                made = self.recipients(f"{table}__recipients", where, way)
            case "value" if one.privacy != "open":
                made = self.classed(one, table, where, way)
            case "value":
                made = self.box(one, table, where) if one.type == "json" else PLAIN[one.type]
        return made

    def classed(self, one: Field, table: str, where: str, way: int) -> Any:
        """A value of a class, as its type has it or quite differently."""
        if one.privacy == "recipient":
            hook = self.canary(NEVER, table, where, "POST https://hooks.example.com/services/{} failed")
            address = self.canary(one.privacy, table, where, "550 {}@partner.example is unknown")
            return {"errors": [address, hook]}
        text = self.canary(one.privacy, table, where, alone=one.type == "text" and way != ODD)
        if (one.type == "text") != (way == ODD):
            return text
        tells = one.values_about and way == USUAL and table not in SAME_FIELDS
        carried = {"changes": self.changes(one, table, where)} if tells else {}
        return {"deep": [text], self.canary(one.privacy, table, where): 1, **carried}

    def changes(self, one: Field, table: str, where: str) -> list[dict[str, Any]]:
        """Values about every field of the catalogue that has a class, as an audit log tells of them."""
        found = []
        for endpoint in ENDPOINTS.values():
            model = endpoint.table.removesuffix("s").title().replace("_", "")
            for other in endpoint.fields:
                kind = STRICTER.get((endpoint.table, other.name)) or kind_of(other)
                if kind == "open" or other.values_about:
                    continue
                shown = "{}@partner.example" if kind == "recipient" else "{}"
                text = self.canary(kind, table, f"{where}, of {model}.{other.name}", shown)
                mark = MARK.findall(text)[0]
                self.canaries[mark] = replace(self.canaries[mark], inside=one.privacy)
                after = {"deep": [{other.customer_keys[0]: text}]} if other.customer_keys else text
                found.append({"type": model, "field": other.name, "before": None, "after": after})
        return found

    def person(self, where: str, way: int) -> dict[str, Any]:
        """A colleague whom no other row speaks of."""
        number = next(self.numbers)
        own = {one.name: one for one in PEOPLE.fields if one.privacy == "person"}
        told = {name: self.classed(one, PEOPLE.table, f"{where}.{name}", way) for name, one in own.items()}
        return {"id": number, "uuid": f"u-{number}", **told}

    def stranger(self, where: str) -> dict[str, Any]:
        """A user's object that nobody declared: nobody says that it is a colleague, so only its id stays."""
        before = len(self.canaries)
        told = self.person(where, USUAL)
        for mark in list(self.canaries)[before:]:
            self.canaries[mark] = replace(self.canaries[mark], kind=NEVER)
        return told

    def recipients(self, table: str, where: str, way: int) -> Any:
        """Addresses as a text, as a list of outcomes, or a webhook, whose address is a credential."""
        if way == WEBHOOK:
            return self.canary(NEVER, table, where, "https://hooks.example.com/services/{}")
        address = self.canary("recipient", table, where, "{}@partner.example", alone=True)
        if way == USUAL:
            return f"{address}, {self.canary('recipient', table, where, '{}@partner.example', alone=True)}"
        if not where.endswith("_results"):
            return [address]
        told = self.canary("recipient", table, where, "550 {}@partner.example is unknown")
        return [{"recipient": address, "status": "failed", "error": told}]

    def box(self, one: Field | None, table: str, where: str) -> dict[str, Any]:
        """An object with credentials, a colleague and, where the catalogue says so, customers' data inside."""
        hook = self.canary(NEVER, table, where, "https://hooks.slack.com/services/T0/B0/{}")
        inner: dict[str, Any] = {"password": self.canary(NEVER, table, where), "x": [hook]}
        box = {
            "client_secret": [self.canary(NEVER, table, where)],
            "by": self.person(where, USUAL) if one else self.stranger(where),
            "in": [inner],
        }
        if one:
            inner |= {name: self.canary(NEVER, table, where) for name in one.ignored_keys}
            inner |= {name: [{"k": self.canary("customer", table, where)}] for name in one.customer_keys}
        return box

    def undeclared(self, table: str) -> dict[str, Any]:
        """Fields that no catalogue knows."""
        where = f"{table}, undeclared"
        address = [self.canary(UNKNOWN, table, where, "{}@partner.example", alone=True) for _ in range(4)]
        return {
            "zz_api_key": self.canary(NEVER, table, where),
            "zz_note": self.canary(NEVER, table, where, "use phx_{}0123456789 for it"),
            "zz_box": self.box(None, table, where),
            "zz_by": self.stranger(where),
            "zz_mail": f"ask {address[0]}",
            "zz_list": [address[1], {address[2]: 1}],
            "zz_object": {"deep": {"to": address[3]}},
        }

    def one_of_many(self, page: dict[str, Any], query: str) -> dict[str, Any] | None:
        """A page of a list that breaks off, if lists do; then there is none."""
        if not self.breaks_off_after:
            return page
        rows, asked = len(page["results"]), parse_qs(query)
        before = int(asked.get("offset", asked.get("cursor", ["0"]))[0])
        further = f"?offset={before + rows}&cursor={before + rows}"
        whole = {**page, "count": (self.breaks_off_after + 1) * rows, "next": further}
        return whole if before < self.breaks_off_after * rows else None

    def answer(self, asked: Asked) -> bytes:
        """What is served at a path."""
        path, _, query = asked.target.removeprefix("/api/").partition("?")
        if path == "personal_api_keys/@current/":
            return http(200, {"user_id": 1, "scopes": ["*"], "scoped_teams": [], "scoped_organizations": []})
        for endpoint in ENDPOINTS.values():
            for template in endpoint.paths:
                shape = re.sub(r"{\w+}", "([^/]+)", template.partition("?")[0])
                if found := re.fullmatch(shape, path):
                    rows = self.rows[endpoint.table] if set(found.groups()) <= FIRST else []
                    page = {"count": len(rows), "next": None, "previous": None, "results": rows}
                    part: dict[str, Any] | None = page
                    if rows and (endpoint.plan == "stream" or "ordering=name" in template):
                        part = self.one_of_many(page, query)
                    if part is None:
                        return refusal(400, "No more pages.")
                    return answered(endpoint, rows, part)
        return refusal(404, "Not found.")


def answered(endpoint: Endpoint, rows: list[dict[str, Any]], page: dict[str, Any]) -> bytes:
    """Rows in the form of their list."""
    match endpoint.pagination:
        case "array" | "newest":
            return http(200, rows)
        case "object":
            return http(200, rows[0]) if rows else refusal(404, "Not found.")
        case "unpaged" | "embedded" | "has_next" | "logs":
            return http(200, {"has_next": False, endpoint.rows_under: rows})
    return http(200, page)


def refusal(status: int, detail: str) -> bytes:
    return http(status, {"type": "invalid_request", "code": "refused", "detail": detail, "attr": None})


def ways(endpoint: Endpoint) -> tuple[int, ...]:
    """Which rows a list has: one object is one row."""
    return (USUAL,) if endpoint.pagination == "object" else (USUAL, ODD, WEBHOOK)


def kind_of(field: Field) -> str:
    """The class of what a field holds."""
    if field.role in {"secret", "person", "identity"}:
        return NEVER if field.role == "secret" else "person"
    return "customer" if field.customer_keys else field.privacy


@contextmanager
def planted() -> Iterator[Garden]:
    """A running PostHog with a canary wherever one can be."""
    garden = Garden()
    garden.rows = {
        endpoint.table: [garden.row(endpoint, way) for way in ways(endpoint)]
        for endpoint in ENDPOINTS.values()
    }
    with serving(lambda conn, asked, _: conn.sendall(garden.answer(asked))) as server:
        garden.origin = server.origin
        yield garden


def hide_secrets(posthog: Sandbox, mark: str) -> None:
    """Put secrets where nobody expects them: in fields of no catalogue, by their name or by their look."""
    cohort = posthog.rows("cohorts")[0]["id"]
    hidden = {
        "api_token": f"{mark}-named",
        "inside": {"deeper": [{"client_secret": f"{mark}-nested"}], "note": f"phx_{mark}0123456789"},
        "hook": f"https://hooks.slack.com/services/T0/B0/{mark}",
    }
    posthog.edit("cohorts", where={"id": cohort}, parents={"project_id": 101}, set=hidden)
