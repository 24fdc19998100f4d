"""How what came oddly is told: shortly."""

from __future__ import annotations

import pytest

from sources.posthog.extract.run_warnings import first_few


@pytest.mark.parametrize(
    ("most", "told"), [(1, "1 and 2 more"), (2, "1, 2 and 1 more"), (3, "1, 2, 3"), (9, "1, 2, 3")]
)
def test_things_are_named_up_to_a_number_and_the_others_counted(most: int, told: str) -> None:
    assert first_few([1, 2, 3], most) == told
    assert first_few([], most) == ""
