"""What lives by chance (`test_random_lives.py`) have found of another privacy setting, told once and plainly."""

from __future__ import annotations

from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.harness.scene import Scene, of

DELIVERIES = "subscription_deliveries"
HERE: dict[str, Any] = {"projects": (201,)}


@pytest.mark.soak("stories")
def test_a_privacy_setting_reaches_every_row_of_a_table_that_is_always_synced_alone(
    file_scene: Scene, posthog: Sandbox
) -> None:
    oldest = min(
        (r for r in posthog.rows(DELIVERIES) if r["_parents"]["project_id"] == 201),
        key=lambda row: str(row["created_at"]),
    )
    posthog.edit(DELIVERIES, where={"id": oldest["id"]}, set={"change_summary": "words of somebody"})
    said = f"select change_summary from posthog.{DELIVERIES} where id = '{oldest['id']}'"
    file_scene.sync(DELIVERIES, **HERE)
    assert file_scene.ask(said) == [("words of somebody",)]
    file_scene.sync(DELIVERIES, privacy={"text": "hash"}, **HERE)
    assert file_scene.ask(said) != [("words of somebody",)]
    first = of(file_scene.sync(DELIVERIES, **HERE), DELIVERIES)
    assert file_scene.ask(said) == [("words of somebody",)]
    assert of(file_scene.sync(DELIVERIES, **HERE), DELIVERIES).requests < first.requests, "once is enough"
