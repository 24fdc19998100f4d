"""Which tables a reader does not get if some are withheld."""

from __future__ import annotations

import pytest

from pipelines.errors import UsageError
from pipelines.readers.withheld import is_withheld, refuse_unknown

CASES = {
    ("people", "people"): True,
    ("people__tags", "people"): True,
    ("people_history", "people"): True,
    ("people", "cohorts"): False,
    ("peoples", "people"): False,
    ("cohorts__experiment_set", "cohorts"): True,
    ("cohorts_history", "cohorts"): True,
    ("cohort_sizes", "cohorts"): True,
    ("subscription_deliveries", "subscriptions"): False,
    ("_hogsync_runs", "people"): False,
}


@pytest.mark.parametrize(("table", "without"), CASES)
def test_a_table_is_withheld_with_its_children_its_history_and_its_trends(table: str, without: str) -> None:
    assert is_withheld(table, ["users", without]) is CASES[table, without]


def test_without_a_name_nothing_is_withheld() -> None:
    assert not is_withheld("people", [])


def test_a_misspelt_table_is_refused_because_it_would_withhold_nothing() -> None:
    refuse_unknown("--without", ["people", "cohorts"])
    with pytest.raises(UsageError, match=r"^--without: there is no table 'peopel'; did you mean people\?$"):
        refuse_unknown("--without", ["peopel"])
