"""The schema in which dlt prepares merges has a name that is nobody else's."""

from __future__ import annotations

import pytest

from destinations.staging import LONGEST, SUFFIX, staging_of
from pipelines.settings import parse

pytestmark = pytest.mark.versions

LONG = "a_dataset_with_a_name_of_fifty_letters_and_no_more"


def test_the_staging_schema_is_named_after_its_dataset() -> None:
    assert staging_of("posthog") == "posthog__hogsync_staging"


def test_long_names_stay_within_a_postgres_name_and_apart() -> None:
    names = {staging_of(LONG[:length]) for length in range(30, 51)} | {staging_of(f"{LONG[:-1]}x")}
    assert len(names) == 22
    assert max(map(len, names)) <= LONGEST
    assert all(name.endswith(SUFFIX) for name in names)


@pytest.mark.parametrize("dataset", ["posthog", LONG])
def test_no_dataset_can_be_named_like_a_staging_schema(dataset: str) -> None:
    assert parse.dataset(dataset) == dataset
    with pytest.raises(ValueError, match="plain lower-case name"):
        parse.dataset(staging_of(dataset))
