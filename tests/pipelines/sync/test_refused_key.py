"""A key that is refused from the start: the run leaves a record, and nothing else."""

from __future__ import annotations

import pytest

from pipelines.errors import KeyProblem
from sources.sandbox import Sandbox
from tests.harness.scene import Scene

RUN = "select status, error from posthog._hogsync_runs order by started_at desc limit 1"


@pytest.mark.fault("transport.401", "access.revoked")
def test_a_key_that_is_refused_leaves_a_record_and_nothing_else(file_scene: Scene, posthog: Sandbox) -> None:
    key = posthog.new_key("refused")
    file_scene.sync("cohorts", projects=(101,), key=key)
    before = file_scene.stored()
    posthog.change_key("refused", revoked=True)
    with pytest.raises(KeyProblem, match="401") as caught:
        file_scene.sync("cohorts", projects=(101,), key=key)
    assert caught.value.exit_code == 3
    assert file_scene.stored() == before
    ((status, error),) = file_scene.ask(RUN)
    assert status == "refused"
    assert key not in error
