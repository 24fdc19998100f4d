"""What keys may read, and the exact words of the refusals."""

from __future__ import annotations

from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.sources.sandbox.conftest import Answer, Asker

COHORTS = "/api/projects/101/cohorts/"


def refusal(answer: Answer) -> tuple[int, Any, Any, Any]:
    return answer.status, answer.body["type"], answer.body["code"], answer.body["detail"]


def denied(detail: str) -> tuple[int, str, str, str]:
    return 403, "authentication_error", "permission_denied", detail


def test_a_key_tells_about_itself_but_never_its_value(ask: Asker, sandbox: Sandbox) -> None:
    limited = {"scopes": ["cohort:read"], "scoped_teams": [101], "scoped_organizations": []}
    key = sandbox.new_key("self", **limited)
    answer = ask("/api/personal_api_keys/@current/", key)
    assert answer.body.items() >= limited.items()
    assert answer.body["value"] is None
    assert key not in str(answer.body)
    assert ask("/api/personal_api_keys/").status == 403


def test_a_wrong_key_is_refused_with_401(ask: Asker) -> None:
    answer = ask("/api/users/@me/", "phx_wrong")
    assert refusal(answer)[:3] == (401, "authentication_error", "authentication_failed")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer resource_metadata=")
    assert refusal(ask("/api/users/@me/", ""))[:3] == (401, "authentication_error", "not_authenticated")


def test_a_key_dies_when_it_is_revoked_or_its_owner_deactivated(ask_own: Asker, own: Sandbox) -> None:
    own.new_key("short")
    key = own.new_key("member", user="member")
    assert ask_own(COHORTS, key).status == 200
    own.edit("users", where={"id": 5}, set={"is_active": False})
    assert ask_own(COHORTS, key).status == 401
    token = own.new_key("revoked")
    own.change_key("revoked", revoked=True)
    assert ask_own(COHORTS, token).status == 401


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/api/users/", "user:read"),
        ("/api/organizations/", "organization:read"),
        ("/api/projects/101/", "project:read"),
        ("/api/projects/101/subscriptions/", "subscription:read"),
        ("/api/projects/101/subscriptions/4101/deliveries/", "subscription:read"),
        (COHORTS, "cohort:read"),
        ("/api/projects/101/comments/", "comment:read"),
        ("/api/projects/101/comments/count/", "comment:read"),
        ("/api/projects/101/event_definitions/", "event_definition:read"),
        ("/api/projects/101/property_definitions/", "property_definition:read"),
        ("/api/projects/101/groups_types/", "group:read"),
    ],
)
def test_each_list_needs_its_scope_and_write_is_enough(
    ask: Asker,
    sandbox: Sandbox,
    path: str,
    scope: str,
) -> None:
    without = sandbox.new_key(f"without {path}", scopes=["insight:read"])
    assert refusal(ask(path, without)) == denied(f"API key missing required scope '{scope}'")
    for enough in (scope, scope.replace("read", "write"), "*"):
        assert ask(path, sandbox.new_key(f"{enough} {path}", scopes=[enough])).status == 200


def test_members_and_an_organizations_projects_need_their_scopes(
    ask: Asker,
    sandbox: Sandbox,
    organization: str,
) -> None:
    key = sandbox.new_key("organizations only", scopes=["organization:read"])
    below = f"/api/organizations/{organization}"
    assert refusal(ask(f"{below}/members/", key)) == denied(
        "API key missing required scope 'organization_member:read'"
    )
    assert refusal(ask(f"{below}/projects/", key)) == denied("API key missing required scope 'project:read'")


def test_a_project_scoped_key_reads_its_project_and_little_else(
    ask: Asker,
    sandbox: Sandbox,
    organization: str,
) -> None:
    key = sandbox.new_key("one project", scoped_teams=[102])
    assert ask("/api/projects/102/cohorts/", key).status == 200
    assert ask("/api/projects/102/", key).body["name"]
    assert refusal(ask(COHORTS, key)) == denied(
        "API key does not have access to the requested project: ID 101."
    )
    words = "API keys with scoped projects are only supported on project-based endpoints."
    below = f"/api/organizations/{organization}"
    for path in ("/api/organizations/", "/api/projects/", f"{below}/members/", f"{below}/projects/"):
        assert refusal(ask(path, key)) == denied(words)
    for path in ("/api/users/", "/api/users/@me/", "/api/personal_api_keys/@current/"):
        assert ask(path, key).status == 200


def test_an_organization_scoped_key_reads_its_organization(ask: Asker, sandbox: Sandbox) -> None:
    first, second = ask("/api/organizations/").ids
    key = sandbox.new_key("one organization", scoped_organizations=[second])
    assert ask("/api/organizations/", key).ids == [second]
    assert ask(f"/api/organizations/{second}/projects/", key).ids == [201]
    assert ask("/api/projects/201/cohorts/", key).status == 200
    words = f"API key does not have access to the requested organization: ID {first}."
    for path in (f"/api/organizations/{first}/members/", COHORTS, "/api/projects/"):
        assert refusal(ask(path, key)) == denied(words)


def test_a_member_reads_only_their_organization(ask: Asker, sandbox: Sandbox) -> None:
    _, second = ask("/api/organizations/").ids
    key = sandbox.new_key("member", user="member")
    assert ask("/api/organizations/", key).body["count"] == 1
    assert refusal(ask("/api/projects/201/cohorts/", key)) == denied("You don't have access to the project.")
    assert ask(f"/api/organizations/{second}/members/", key).status == 403


def test_a_keys_scopes_can_be_narrowed_in_mid_life(ask: Asker, sandbox: Sandbox) -> None:
    key = sandbox.new_key("shrinking")
    assert ask(COHORTS, key).status == 200
    sandbox.change_key("shrinking", scopes=["user:read"])
    assert ask(COHORTS, key).status == 403


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (402, "server_error", "payment_required"),
        (403, "authentication_error", "permission_denied"),
        (404, "invalid_request", "not_found"),
    ],
)
def test_a_gate_refuses_one_list_of_one_project(
    ask: Asker,
    sandbox: Sandbox,
    status: int,
    kind: str,
    code: str,
) -> None:
    sandbox.gate("cohorts", status, project=101)
    assert refusal(ask(COHORTS))[:3] == (status, kind, code)
    assert ask("/api/projects/102/cohorts/").status == 200
    assert ask("/api/projects/101/comments/").status == 200
    sandbox.gate("comments", status)
    assert ask("/api/projects/102/comments/").status == status


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/api/projects/abc/cohorts/", "Project not found."),
        ("/api/projects/99999/cohorts/", "Project not found."),
        ("/api/projects/101/widgets/", "Endpoint not found."),
        ("/api/nothing", "Endpoint not found."),
    ],
)
def test_what_is_not_there_is_404_in_json(ask: Asker, path: str, detail: str) -> None:
    assert refusal(ask(path)) == (404, "invalid_request", "not_found", detail)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_only_get_is_offered(ask: Asker, method: str) -> None:
    answer = ask(COHORTS, method=method)
    assert refusal(answer) == (
        405,
        "invalid_request",
        "method_not_allowed",
        f'Method "{method}" not allowed.',
    )


def test_slashes_are_optional_and_environments_are_projects_under_an_old_name(ask: Asker) -> None:
    assert ask(COHORTS.rstrip("/")).ids == ask(COHORTS).ids
    answer = ask("/api/environments/101/cohorts/?limit=2")
    assert answer.ids == ask(COHORTS).ids[:2]
    assert {"Deprecation", "Sunset", "Link"} <= set(answer.headers)
    assert "/api/projects/101/" in answer.body["next"]


def test_a_token_in_the_query_overrides_the_project_of_the_path(ask: Asker) -> None:
    token = ask("/api/projects/102/").body["api_token"]
    assert ask(f"{COHORTS}?token={token}").ids == ask("/api/projects/102/cohorts/").ids


def test_no_limit_is_in_force_unless_set(ask: Asker, sandbox: Sandbox) -> None:
    sandbox.options(rate={"per_minute": 2, "per_hour": 10})
    key = sandbox.new_key("hasty")
    assert [ask(COHORTS, key).status for _ in range(4)] == [200, 200, 429, 429]
    refused = ask(COHORTS, key)
    wait = int(refused.headers["Retry-After"])
    assert 0 < wait <= 60
    assert refused.body == {
        "type": "throttled_error",
        "code": "throttled",
        "attr": None,
        "detail": f"Request was throttled. Expected available in {wait} seconds.",
    }
    assert not [name for name in refused.headers if name.lower().startswith("x-ratelimit")]
    assert [ask("/api/users/@me/", key).status for _ in range(3)] == [200] * 3, "users are not throttled"
    assert ask(COHORTS, sandbox.new_key("other")).status == 200, "a budget is a key's own"


def test_what_the_minute_refuses_the_hour_still_counts(ask: Asker, sandbox: Sandbox) -> None:
    sandbox.options(rate={"per_minute": 1, "per_hour": 4})
    key = sandbox.new_key("hammering")
    waits = [ask(COHORTS, key).headers.get("Retry-After") for _ in range(6)]
    assert waits[0] is None
    assert all(wait and int(wait) <= 60 for wait in waits[1:4])
    assert all(wait and int(wait) > 60 for wait in waits[4:]), "four were counted, three of them refused"
