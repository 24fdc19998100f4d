"""What every answer looks like: JSON, and PostHog's one shape for refusals."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import msgspec
from django.core.exceptions import ValidationError as NotATime
from django.http import Http404
from rest_framework import exceptions
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response

TYPES: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.AuthenticationFailed, "authentication_error"),
    (exceptions.NotAuthenticated, "authentication_error"),
    (exceptions.PermissionDenied, "authentication_error"),
    (exceptions.Throttled, "throttled_error"),
    (exceptions.ValidationError, "validation_error"),
    (exceptions.MethodNotAllowed, "invalid_request"),
    (exceptions.NotAcceptable, "invalid_request"),
    (exceptions.NotFound, "invalid_request"),
    (exceptions.ParseError, "invalid_request"),
)


class Json(BaseRenderer):
    """JSON as PostHog writes it: compact, UTF-8."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        """Encode; nothing at all for None."""
        del accepted_media_type, renderer_context
        return b"" if data is None else msgspec.json.encode(data)


class PaymentRequired(exceptions.APIException):
    """The plan lacks the feature; PostHog calls this a server error."""

    status_code = 402
    default_code = "payment_required"
    default_detail = (
        "Subscriptions is part of the premium PostHog offering. To use it, subscribe to PostHog Cloud "
        "with a generous free tier."
    )


def refusal(error: Exception, context: Any) -> Response:
    """An exception as PostHog answers it: `{"type", "code", "detail", "attr"}`."""
    del context
    known = exceptions.NotFound() if isinstance(error, Http404) else error
    if not isinstance(known, exceptions.APIException):
        # A cursor or filter that holds no time breaks PostHog as well; anything else is our own mistake.
        if not isinstance(error, NotATime):
            traceback.print_exception(error, file=sys.stderr)
        return Response(
            {"type": "server_error", "code": "error", "detail": "A server error occurred.", "attr": None},
            status=500,
        )
    kind = next((name for type_, name in TYPES if isinstance(known, type_)), "server_error")
    code, detail, attr = _first(known)
    headers = {}
    if getattr(known, "auth_header", None):
        headers["WWW-Authenticate"] = known.auth_header
    if getattr(known, "wait", None):
        headers["Retry-After"] = f"{known.wait:.0f}"
    body = {
        "type": kind,
        "code": "invalid_input" if code == "invalid" else code,
        "detail": detail,
        "attr": attr,
    }
    return Response(body, status=known.status_code, headers=headers)


def _first(error: exceptions.APIException) -> tuple[str, str, str | None]:
    """Code, detail and field of an error; of several, PostHog reports the first."""
    detail, codes, attr = error.detail, error.get_codes(), None
    if isinstance(detail, dict):
        attr = next(iter(detail))
        detail, codes = detail[attr], codes[attr]
    if isinstance(detail, list):
        detail, codes = detail[0], codes[0]
    return str(codes), str(detail), attr


def bad(field: str, sentence: str, code: str = "invalid_input") -> exceptions.ValidationError:
    """A 400 about one parameter."""
    return exceptions.ValidationError({field: [sentence]}, code=code)
