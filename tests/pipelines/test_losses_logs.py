"""What a log lists no more while somebody has dropped a column is looked for once, and believed as it stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sources.sandbox import Sandbox
from tests.pipelines.test_sync_mending import run
from tests.truth.expected import Row
from tests.truth.scene import Scene

LOGS, ON_A_PAGE = "organization_activity_logs", 10


def logged(posthog: Sandbox) -> tuple[Row, list[Row]]:
    """An organization's audit log of ten pages, what names it and what is in it."""
    posthog.options(cursor_rows=ON_A_PAGE)
    below = {"organization_id": posthog.rows("organizations")[0]["id"]}
    began = datetime.now(UTC) - timedelta(days=30)
    posthog.clear(LOGS)
    times = [(began + timedelta(hours=number)).isoformat() for number in range(10 * ON_A_PAGE)]
    posthog.edit(LOGS, insert=[{"created_at": at, "activity": "updated"} for at in times], parents=below)
    made = [row for row in posthog.rows(LOGS) if row["_parents"] == below]
    return below, sorted(made, key=lambda row: str(row["created_at"]))


@pytest.mark.fault("warehouse.dropped_column")
def test_what_an_audit_log_lists_no_more_is_not_looked_for_ever_after(scene: Scene, posthog: Sandbox) -> None:
    below, there = logged(posthog)
    asked = f"{below['organization_id']}/advanced_activity_logs/"

    def pages() -> int:
        posthog.clear_requests()
        assert scene.sync(LOGS).exit_code == 0
        return sum(asked in request["path"] for request in posthog.requests())

    def stored() -> dict[str, str | None]:
        one = f"organization_id = '{below['organization_id']}'"
        return dict(scene.ask(f"select id, activity from posthog.{LOGS} where {one}"))

    assert pages() >= len(there) // ON_A_PAGE > pages()
    gone = there[0]["id"]
    posthog.edit(LOGS, where={"id": gone}, delete=True)
    run(scene.url, f"alter table posthog.{LOGS} drop column activity")
    assert pages() >= len(there) // ON_A_PAGE > pages()
    activities = {row["id"]: "updated" for row in there}
    assert stored() == {**activities, gone: None}
    posthog.edit(LOGS, insert=[there[0]], parents=below)
    scene.sync(LOGS, full=True)
    assert stored() == activities


@pytest.mark.fault("warehouse.dropped_column")
def test_what_an_audit_log_lists_no_more_stands_in_the_newest_load(scene: Scene, posthog: Sandbox) -> None:
    below, there = logged(posthog)

    def last() -> str:
        finished = "from posthog._dlt_loads where status = 0"
        ((load,),) = scene.ask(f"select load_id {finished} order by inserted_at desc limit 1")
        return str(load)

    def stands_in() -> list[tuple[str]]:
        return scene.ask(f"select _dlt_load_id from posthog.{LOGS} where id = '{there[0]['id']}'")

    scene.sync(LOGS)
    first = last()
    posthog.edit(LOGS, where={"id": there[0]["id"]}, delete=True)
    run(scene.url, f"alter table posthog.{LOGS} drop column activity")
    scene.sync(LOGS)
    assert stands_in() == [(last(),)] != [(first,)], "the load of the run that believed it"
    second = last()
    run(scene.url, f"update posthog.{LOGS} set _dlt_load_id = 'lost' where id = '{there[0]['id']}'")
    scene.sync(LOGS)
    assert stands_in() == [(last(),)] == [(second,)], "a run without changes makes no load"
    posthog.edit(LOGS, insert=[there[0]], parents=below)


@pytest.mark.fault("warehouse.dropped_column")
def test_what_an_audit_log_was_not_read_to_is_looked_for_again(scene: Scene, posthog: Sandbox) -> None:
    below, there = logged(posthog)
    scene.sync(LOGS)
    run(scene.url, f"alter table posthog.{LOGS} drop column activity")
    posthog.fault(
        path=f"{below['organization_id']}/advanced_activity_logs/.*", kind="status", status=400, skip=3
    )
    assert scene.sync(LOGS).exit_code == 1
    posthog.clear_faults()
    scene.sync(LOGS)
    scene.sync(LOGS)
    filled = f"select count(*) from posthog.{LOGS} where activity = 'updated' and _dlt_load_id <> 'lost'"
    within = f" and organization_id = '{below['organization_id']}'"
    assert scene.ask(filled + within) == [(len(there),)]
