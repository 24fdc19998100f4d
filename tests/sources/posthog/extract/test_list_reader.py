"""How one list is read: what needs neither pages nor a memory."""

from __future__ import annotations

from typing import Any

import pytest

from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.extract.list_reader import listed_alone
from sources.posthog.shape.privacy import Policy
from sources.posthog.shape.row_shape import RowShape

PROJECTS = ENDPOINTS["projects"]
ORGANIZATION = "4dc8564d-bd82-1065-2f40-97f7c50f67cf"


def stored(**raw: Any) -> dict[str, Any]:
    """A project that was asked for by its id, as it will be stored, without what is null."""
    rows, stamps = listed_alone({"id": 2, "name": "Web", "test_account_filters": [1], **raw}, PROJECTS)
    batch = RowShape(PROJECTS, Policy()).to_batch(rows, stamps)
    return {name: value for name in batch.columns if (value := batch.values(name)[0]) is not None}


def test_a_project_that_is_asked_for_by_its_id_is_stored_as_its_list_shows_it() -> None:
    assert stored(organization=ORGANIZATION) == {"organization_id": ORGANIZATION, "id": 2, "name": "Web"}


@pytest.mark.fault("values.odd_id")
@pytest.mark.parametrize("odd", [5, 1.5, True, [ORGANIZATION], {"id": ORGANIZATION}, [], {}, None], ids=repr)
def test_a_project_that_names_no_organization_by_an_id_is_stored_without_one(odd: Any) -> None:
    assert stored(organization=odd) == {"id": 2, "name": "Web"}


@pytest.mark.fault("values.odd_id")
def test_a_project_that_says_nothing_of_its_organization_is_stored_without_one() -> None:
    assert stored() == {"id": 2, "name": "Web"}
