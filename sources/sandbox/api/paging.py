"""The framework's own paginators, with PostHog's page sizes and its capped count."""

from __future__ import annotations

from typing import Any

from rest_framework.pagination import CursorPagination, LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response

from sources.sandbox.api.responses import bad
from sources.sandbox.state import WORLD


class Offset(LimitOffsetPagination):
    """100 rows unless `limit` says otherwise; no maximum; junk falls back to 100 and 0."""


class Capped(Offset):
    """A large list's count stops at the cap, while `next` goes on until a page comes back short."""

    count: int
    capped = False
    short = False

    def get_count(self, queryset: Any) -> int:
        """The exact count up to `count_exact_to` rows, else the cap."""
        count = super().get_count(queryset)
        self.capped = count > WORLD.options.count_exact_to
        # Not what is reported (see below): the framework gives no rows at an offset above it.
        return int(count)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        """The page; whether it is short decides on `next`."""
        page = super().paginate_queryset(queryset, request, view)
        self.short = len(page) < self.limit
        return page

    def get_next_link(self) -> str | None:
        """Capped: there is a next page after every full one, even when it will be empty."""
        if not self.capped:
            link: str | None = super().get_next_link()
            return link
        if self.short:
            return None
        exact, self.count = self.count, self.offset + self.limit + 1
        link = super().get_next_link()
        self.count = exact
        return link

    def get_paginated_response(self, data: Any) -> Response:
        """The envelope, with `count_is_capped` only where it is."""
        answer = super().get_paginated_response(data)
        if self.capped:
            answer.data = {
                "count": min(self.count, WORLD.options.count_cap),
                "count_is_capped": True,
                **{name: value for name, value in answer.data.items() if name != "count"},
            }
        return answer


class StrictCapped(Capped):
    """The newest event definition list: a `limit` below 1 or of junk is an error."""

    def get_limit(self, request: Request) -> int:
        """The limit, or 400."""
        text = request.query_params.get("limit")
        if text is not None and not (text.isdecimal() and int(text) > 0):
            raise bad(
                "limit",
                "Ensure this value is greater than or equal to 1."
                if text.lstrip("-").isdecimal()
                else "A valid integer is required.",
            )
        return int(super().get_limit(request))


class Cursor(CursorPagination):
    """Pages of any size, if that is set: long lists for tests are made of small ones."""

    def get_page_size(self, request: Request) -> int:
        """As PostHog has it otherwise."""
        return WORLD.options.cursor_rows or int(super().get_page_size(request))


class Deliveries(Cursor):
    """50 rows, newest first, whatever `limit` says; the key settles ties."""

    page_size = 50
    ordering = ("-created_at", "-uid")


class ActivityLogs(Cursor):
    """100 rows unless `page_size` says otherwise, 1000 at most; newest first unless `ordering=created_at`."""

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        """The key settles ties."""
        del queryset, view
        up = request.query_params.get("ordering") == "created_at"
        return ("created_at", "uid") if up else ("-created_at", "-uid")


class Comments(Deliveries):
    """100 rows."""

    page_size = 100
