"""Audit logs, in the order of time, of which a run that broke off had read most."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from sources.sandbox import Sandbox
from tests.component.half_read import LOGS, MANY, ON_A_PAGE, PAGES, READ, kept
from tests.component.scene import Scene
from tests.harness.long_lists import BEGAN
from tests.harness.scene import of


@dataclass(frozen=True, slots=True)
class AuditLog:
    """An organization's audit log, oldest first."""

    posthog: Sandbox
    organization: str

    def happened(self, *times: datetime) -> None:
        """So much more is written to it."""
        rows = [{"created_at": time.isoformat(), "activity": "updated"} for time in times]
        self.posthog.edit(LOGS, insert=rows, parents={"organization_id": self.organization})

    @property
    def path(self) -> str:
        return f"{self.organization}/advanced_activity_logs/"

    def dies(self, scene: Scene) -> None:
        """A sync of it is killed after so many pages."""
        assert scene.dies(LOGS, pages=READ, of=self.path)
        self.posthog.clear_requests()

    def requests(self) -> int:
        """How often it was asked for since."""
        return sum(self.path in request["path"] for request in self.posthog.requests())


@pytest.fixture
def log(posthog: Sandbox) -> AuditLog:
    """An audit log of so many entries, a minute apart."""
    posthog.options(cursor_rows=ON_A_PAGE)
    posthog.clear(LOGS)
    here = AuditLog(posthog, posthog.rows("organizations")[0]["id"])
    here.happened(*(BEGAN + timedelta(minutes=n) for n in range(MANY)))
    return here


def test_an_audit_log_that_was_killed_after_most_of_it_is_gone_on_with(scene: Scene, log: AuditLog) -> None:
    log.dies(scene)
    log.happened(BEGAN + timedelta(minutes=READ * ON_A_PAGE - 55.5))  # written late, among what was kept
    log.happened(BEGAN + timedelta(minutes=MANY))
    result = of(scene.sync(LOGS), LOGS)
    assert log.requests() == PAGES - READ + 1
    assert (result.status, result.complete, result.counts.inserted) == ("loaded", False, MANY + 1)
    assert of(scene.sync(LOGS), LOGS).counts.inserted == 1, "the late one"
    scene.learn(scene.truth(LOGS))
    assert scene.wrong() == ""
    assert kept(scene.home) == []


def test_an_outage_where_an_ordered_list_is_to_go_on_costs_nothing_that_was_kept(
    scene: Scene, log: AuditLog, posthog: Sandbox
) -> None:
    log.dies(scene)
    posthog.fault(kind="status", status=500, path="advanced_activity_logs/")
    assert of(scene.sync(LOGS), LOGS).status == "failed"
    posthog.clear_faults()
    posthog.clear_requests()
    result = of(scene.sync(LOGS), LOGS)
    assert (log.requests(), result.counts.inserted) == (PAGES - READ, MANY)
