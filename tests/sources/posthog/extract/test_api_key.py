"""What the key's own endpoint tells: taken as far as it can be what it says, and never a crash."""

from __future__ import annotations

from typing import Any

import pytest

from sources.posthog.errors import Misdirected
from sources.posthog.extract.api_key import Key, current_key

TOLD = {"user_id": 7, "scopes": ["cohort:read"], "scoped_teams": [2], "scoped_organizations": ["o"]}
KEY = Key(7, ("cohort:read",), (2,), ("o",))


def key(**told: Any) -> Key:
    return current_key(lambda _path, _params: TOLD | told)


def test_a_key_is_its_owner_scopes_and_restrictions() -> None:
    assert key() == KEY
    assert key(scopes=None).scopes == ("*",)


@pytest.mark.fault("values.odd_key")
@pytest.mark.parametrize("odd", [5, True, 1.5, "text", {"a": 1}, [None, 1.5, {"a": 1}, ["x"]]], ids=repr)
def test_what_of_a_key_is_not_as_it_must_be_is_not_told(odd: Any) -> None:
    met = key(scopes=odd, scoped_teams=odd, scoped_organizations=odd)
    assert met == Key(7, () if isinstance(odd, list) else None, (), ())
    assert len(met.fingerprint({})) == 32


@pytest.mark.fault("values.odd_key")
def test_ids_of_a_key_are_accepted_in_another_spelling() -> None:
    assert key(user_id="7", scoped_teams=["2", 2.5, "../3"]) == KEY


@pytest.mark.parametrize("answer", [[], [1], {}, {"user_id": 1}], ids=repr)
def test_what_knows_no_key_is_no_posthog(answer: Any) -> None:
    with pytest.raises(Misdirected):
        current_key(lambda _path, _params: answer)
