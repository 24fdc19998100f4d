"""Lists without views of their own: answered as the catalogue declares them, with the traps that PostHog has there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.pagination import BasePagination, PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response

from sources.posthog.catalogue.endpoint import Endpoint, query
from sources.sandbox.api.paging import Cursor, Offset
from sources.sandbox.api.serializers import Showing
from sources.sandbox.api.views import Listing
from sources.sandbox.company.declared import DECLARED, marked, parents_above
from sources.sandbox.models import Record, Row, moment
from sources.sandbox.state import WORLD

UNORDERED = frozenset(
    {
        "roles",
        "role_memberships",
        "early_access_features",
        "scheduled_changes",
        "integrations",
        "experiment_holdouts",
        "organization_integrations",
    }
)
"""Lists that PostHog sorts by nothing: rows may come twice, or not at all, where a page ends."""
COUNTLESS = frozenset({"persons", "cohort_persons", "cohort_calculation_history"})
"""Lists by limit and offset that tell no count."""
RELATIVE = frozenset({"cohort_calculation_history"})
"""Lists whose `next` is a query alone."""
LATEST = {"batch_export_runs": timedelta(days=7)}
"""Lists that show only the latest rows unless they are asked for earlier ones."""

NEWEST = 50
"""How many rows PostHog shows of a list that has only its newest ones."""


class Sized(Offset):
    """A list with a most of its own."""

    def __init__(self, most: int) -> None:
        """Never more than `most` rows on a page."""
        self.max_limit = most


class Countless(Offset):
    """No count, as PostHog saves itself the counting."""

    def get_paginated_response(self, data: Any) -> Response:
        """The envelope without `count`."""
        answer = super().get_paginated_response(data)
        del answer.data["count"]
        return answer


class Relative(Countless):
    """Links that are a query alone."""

    def get_next_link(self) -> str | None:
        """The part behind the path."""
        link = super().get_next_link()
        return link and f"?{link.partition('?')[2]}"


class Numbered(PageNumberPagination):
    """Pages by number, of a size that nobody can choose."""

    page_size = 500


class Newest(Cursor):
    """By cursor, newest first unless `ordering=created_at`; `page_size` where PostHog takes it."""

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        """The key settles ties."""
        del queryset, view
        up = request.query_params.get("ordering") == "created_at"
        return ("created_at", "pk") if up else ("-created_at", "-pk")


class Declared(Listing):
    """One declared list."""

    endpoint: ClassVar[Endpoint]

    def scopes(self) -> list[str]:
        """As the catalogue has it."""
        return [self.endpoint.scope]

    def below(self) -> dict[str, str]:
        """The row above, as the path or the query names it."""
        for name in parents_above(self.endpoint):
            if word := self.kwargs.get(name) or self.request.query_params.get(name):
                return {"parent": marked(self.endpoint, name, word)}
        return {"parent": ""}

    def records(self) -> QuerySet[Record]:
        """What hangs here, and what is shown in every project."""
        own = Record.objects.filter(table=self.table, **self.below())
        if self.project_word is None:
            return own.filter(organization=self.organization_id)
        here = Q(project=self.project["id"])
        if self.endpoint.shared:
            siblings = Record.objects.filter(table="projects", organization=self.organization_id)
            name, values = self.endpoint.shared
            wide = {f"data__{name}__in": values, "project__in": siblings.values_list("number", flat=True)}
            here |= Q(**wide)
        return own.filter(here)

    def narrow(self, records: QuerySet[Record]) -> QuerySet[Record]:
        """No deleted rows; one pass of those that take two; a window of time."""
        asked, endpoint = self.request.query_params, self.endpoint
        names = {one.name for one in endpoint.fields}
        if "deleted" in names:
            records = records.exclude(deleted=True)
        if "archived" in names and any("archived" in query(path) for path in endpoint.paths):
            records = records.filter(data__archived=asked.get("archived") == "true")
        first, last = endpoint.cursor_params or ("after", "before")
        since = moment(asked.get(first))
        if since is None and endpoint.table in LATEST:
            since = WORLD.now - LATEST[endpoint.table]
        if since:
            records = records.filter(created_at__gte=since)
        if until := moment(asked.get(last)):
            records = records.filter(created_at__lt=until)
        return records

    def order(self, records: QuerySet[Record]) -> QuerySet[Record]:
        """By row, or by nothing where PostHog has forgotten it."""
        if self.endpoint.plan != "snapshot":
            return records.order_by("-created_at", "-pk")
        return records.order_by("?" if self.endpoint.table in UNORDERED else "pk")

    def get(self, request: Request, **path: Any) -> Response:
        """The answer, in the list's own form."""
        form = FORMS.get(self.endpoint.pagination)
        return Response(form(self, request)) if form else super().get(request, **path)

    def pager(self) -> BasePagination:  # type: ignore[override]
        """Chosen by the declaration, and by what PostHog leaves out."""
        table, most = self.endpoint.table, self.endpoint.page_size
        if table in COUNTLESS:
            return Relative() if table in RELATIVE else Countless()
        if self.endpoint.pagination == "cursor":
            return Newest()
        if self.endpoint.pagination == "page":
            return Numbered()
        return Sized(most) if most < 1000 else Offset()

    def rows(self) -> list[Row]:
        """All rows as they are shown."""
        show = Showing(self.key)
        records = self.order(self.narrow(self.records()))
        return [show.row(self.table, one) for one in records.values_list("data", flat=True)]


def _array(view: Declared, _request: Request) -> Any:
    return view.rows()


def _newest(view: Declared, _request: Request) -> Any:
    return view.rows()[:NEWEST]


def _unpaged(view: Declared, _request: Request) -> Any:
    return {view.endpoint.rows_under: view.rows(), "default_access_level": "member"}


def _object(view: Declared, _request: Request) -> Any:
    rows = view.rows()
    if not rows:
        raise NotFound
    return rows[0]


def _flagged(view: Declared, request: Request) -> Any:
    rows, end = view.rows(), _number(request, "offset", 0) + _number(request, "limit", 100)
    return {"results": rows[_number(request, "offset", 0) : end], "has_next": end < len(rows), "version": 4}


def _embedded(view: Declared, request: Request) -> Any:
    rows, under = view.rows(), view.endpoint.rows_under
    start = _number(request, f"{under}_offset", 0)
    page = rows[start : start + _number(request, f"{under}_limit", 100)]
    return {"id": view.below()["parent"], under: page, f"{under}_total": len(rows)}


def _lines(view: Declared, request: Request) -> Any:
    return {"results": view.rows()[: min(_number(request, "limit", 50), 500)]}


def _number(request: Request, name: str, usual: int) -> int:
    word = request.query_params.get(name, "")
    return int(word) if word.isdecimal() else usual


FORMS: dict[str, Callable[[Declared, Request], Any]] = {
    "array": _array,
    "unpaged": _unpaged,
    "object": _object,
    "has_next": _flagged,
    "embedded": _embedded,
    "logs": _lines,
    "newest": _newest,
}
"""How a list is answered that the framework's paginators do not know."""
PLACE, NAMED = re.compile(r"{(\w+)}"), r"(?P<\1>[^/]+)"


def routes(organization: str, project: str) -> Iterator[tuple[str, type[Declared]]]:
    """Each declared path as a pattern, with its view."""
    for endpoint in DECLARED.values():
        name = endpoint.table.title().replace("_", "")
        words = {"endpoint": endpoint, "table": endpoint.table, "scope": endpoint.scope.partition(":")[0]}
        view = type(name, (Declared,), words)
        for path in dict.fromkeys(one.partition("?")[0] for one in endpoint.paths):
            head, _, rest = path.partition("}/")
            above = {"organizations/{organization_id": organization, "projects/{project_id": project}[head]
            pattern = PLACE.sub(NAMED, rest)
            yield f"{above}/{pattern}".rstrip("/"), view
