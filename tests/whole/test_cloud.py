"""PostHog Cloud as most users meet it: the default host by https, through a proxy, under the default request budget."""

from __future__ import annotations

from tests.harness.cloud import in_the_cloud
from tests.harness.command import hogsync
from tests.harness.scene import Scene

TABLES = ("cohorts", "event_definitions", "subscription_deliveries")


def test_syncs_of_posthog_cloud_end_in_the_truth_without_a_warning(file_scene: Scene) -> None:
    with in_the_cloud(file_scene.posthog) as variables:
        for results in ({"loaded"}, {"unchanged"}):
            run = hogsync(file_scene, "sync", *TABLES, **variables)
            assert (run.code, [line for line in run.err.splitlines() if " INFO " not in line]) == (0, [])
            assert {line.split()[1] for line in run.out.splitlines() if line.startswith(TABLES)} == results
    assert "https://us.posthog.com →" in run.out
    file_scene.right(*TABLES)
