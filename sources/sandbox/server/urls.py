"""The API's routes; a trailing slash is welcome everywhere and required nowhere."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, re_path

from sources.sandbox.api import account, declared_lists, definition_lists, lists
from sources.sandbox.control import control

ORGANIZATION = "api/organizations/(?P<organization>[^/]+)"
PROJECT = "api/projects/(?P<project>[^/]+)"
SUBSCRIPTION = f"{PROJECT}/subscriptions/(?P<subscription>[0-9]+)"
IDENT = "(?P<ident>[^/]+)"

ROUTES: tuple[tuple[str, Any], ...] = (
    ("api/personal_api_keys/@current", account.CurrentKey),
    ("api/personal_api_keys", account.KeyList),
    ("api/users", account.Users),
    (f"api/users/{IDENT}", account.User),
    ("api/organizations", account.Organizations),
    (ORGANIZATION, account.Organization),
    (f"{ORGANIZATION}/projects", account.Projects),
    (f"{ORGANIZATION}/projects/(?P<project>[^/]+)", account.Project),
    (f"{ORGANIZATION}/members", account.Members),
    (f"{ORGANIZATION}/advanced_activity_logs", lists.ActivityLogs),
    ("api/projects", account.AllProjects),
    *declared_lists.routes(ORGANIZATION, PROJECT),
    (f"{PROJECT}/subscriptions", lists.Subscriptions),
    (f"{PROJECT}/subscriptions/{IDENT}", lists.Subscription),
    (f"{SUBSCRIPTION}/deliveries", lists.Deliveries),
    (f"{SUBSCRIPTION}/deliveries/{IDENT}", lists.Delivery),
    (f"{PROJECT}/cohorts", lists.Cohorts),
    (f"{PROJECT}/cohorts/{IDENT}", lists.Cohort),
    (f"{PROJECT}/comments", lists.Comments),
    (f"{PROJECT}/comments/count", lists.CommentCount),
    (f"{PROJECT}/comments/{IDENT}", lists.Comment),
    (f"{PROJECT}/comments/{IDENT}/thread", lists.Thread),
    (f"{PROJECT}/event_definitions", definition_lists.EventDefinitions),
    (f"{PROJECT}/event_definitions/{IDENT}", definition_lists.EventDefinition),
    (f"{PROJECT}/property_definitions", definition_lists.PropertyDefinitions),
    (f"{PROJECT}/property_definitions/{IDENT}", definition_lists.PropertyDefinition),
    (f"{PROJECT}/groups_types", lists.GroupTypes),
)


def _routes() -> list[URLPattern]:
    api = [re_path(f"^{route}/?$", view.as_view()) for route, view in ROUTES]
    ours = [re_path(f"^_sandbox/{name}/$", view) for name, view in control.VIEWS.items()]
    return [*api, *ours]


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Below /api/ PostHog's own error, elsewhere a web page, as a PostHog serves its app there."""
    del exception
    if request.path.startswith("/api/"):
        body = b'{"type":"invalid_request","code":"not_found","detail":"Endpoint not found.","attr":null}'
        return HttpResponse(body, status=404, content_type="application/json")
    return HttpResponse(b"<!doctype html><title>PostHog</title><p>Log in</p>", status=404)


urlpatterns = _routes()
handler404 = not_found
