"""A key that is refused in mid-run: what was read is loaded and has its history, and does not die for another key."""

from __future__ import annotations

import pytest

from sources.sandbox import Sandbox
from tests.harness.scene import Scene, of


@pytest.mark.fault("transport.401_in_mid_run")
def test_rows_of_a_list_in_which_a_key_was_refused_do_not_die_for_another_key(
    file_scene: Scene, posthog: Sandbox
) -> None:
    staff = posthog.new_key("refused among users", user="staff")
    posthog.fault(kind="status", status=401, path="api/users/", skip=2)
    outcome = file_scene.sync("users", key=staff, lists={"page_size": 4, "ahead": 1})
    assert (outcome.exit_code, of(outcome, "users").status) == (3, "failed")
    assert of(outcome, "users").pages == 2, "what is stored was read"
    assert "could not be written" not in str(outcome.run.error), "and has its history"
    posthog.clear_faults()
    stored = file_scene.rows("users").keys()
    assert len(stored) == 8
    assert of(file_scene.sync("users"), "users").deletes_held > 0
    assert file_scene.rows("users", dead=False).keys() >= stored
    assert file_scene.ask("select count(*) from posthog.users_history where op = 'delete'") == [(0,)]
