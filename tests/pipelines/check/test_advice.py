"""What is advised about a refusal follows from its status and code and from the key, for `sync` and `check` alike."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.remedies import ABSENT, BY_CODE, PLAN, RESTRICTED, ROLE, advice
from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.errors import Unavailable
from sources.posthog.extract.api_key import Key

EVERYTHING = Key(1, ("*",), (), ())
ONE_PROJECT = Key(1, ("*",), (101,), ())
NARROW = Key(1, ("user:read",), (), ())
UNTOLD = Key(1, None, (), ())
HERE = {"project_id": 101}


def refusal(status: int, code: str = "permission_denied") -> Unavailable:
    return Unavailable("PostHog refuses it.", status=status, code=code)


@pytest.mark.parametrize(
    ("status", "key", "table", "stamps", "said"),
    [
        (402, EVERYTHING, "cohorts", HERE, PLAN),
        (402, NARROW, "cohorts", HERE, PLAN),
        (403, EVERYTHING, "cohorts", HERE, ROLE),
        (
            403,
            None,
            "organizations",
            {},
            "The key lacks the scope organization:read, or its owner may not see",
        ),
        (403, UNTOLD, "cohorts", HERE, "The key lacks the scope cohort:read, or its owner may not see it"),
        (403, NARROW, "cohorts", HERE, "The key lacks the scope cohort:read: add it"),
        (403, ONE_PROJECT, "organizations", {}, RESTRICTED),
        (403, ONE_PROJECT, "organization_members", {"organization_id": "o"}, RESTRICTED),
        (403, ONE_PROJECT, "cohorts", HERE, ROLE),
        (404, NARROW, "cohorts", HERE, ABSENT),
        (404, ONE_PROJECT, "organizations", {}, ABSENT),
    ],
)
def test_the_advice_follows_from_status_key_and_place(
    status: int, key: Key | None, table: str, stamps: dict[str, Any], said: str
) -> None:
    found = advice(refusal(status), ENDPOINTS[table], stamps, key)
    assert found.startswith(said)
    assert ("scope" in found) == ("scope" in said)


@pytest.mark.parametrize("code", BY_CODE)
def test_codes_that_say_more_than_the_status_are_heeded(code: str) -> None:
    assert advice(refusal(403, code), ENDPOINTS["cohorts"], HERE, NARROW) == BY_CODE[code]


def test_what_else_a_list_needs_is_named_with_a_plan_a_role_or_a_version() -> None:
    gated = ENDPOINTS["group_types"]
    for status in (402, 403, 404):
        assert gated.requires in advice(refusal(status), gated, HERE, EVERYTHING)
    assert gated.requires not in advice(refusal(403), gated, HERE, NARROW)
