"""A dead-man's switch hears of each run when it starts and how it ended; one that is down is a warning."""

from __future__ import annotations

import pytest

from pipelines.alerts.ping import ping
from pipelines.errors import KeyProblem
from pipelines.settings import load
from tests.harness.notified import Listener
from tests.pipelines.alerts.conftest import Watched

PATH = "/a-secret-of-the-switch"


def test_a_run_pings_its_start_and_then_its_success_or_its_failure(watched: Watched) -> None:
    more = {"HOGSYNC_SERVICE": {"ping": watched.listener.web}}
    watched.sync("group_types", more=more)
    watched.scene.posthog.change_key("owner", revoked=True)
    with pytest.raises(KeyProblem):
        watched.sync("group_types", more=more)
    assert watched.listener.pinged == [f"{PATH}/start", PATH, f"{PATH}/start", f"{PATH}/fail"]
    watched.scene.posthog.change_key("owner", revoked=False)
    watched.listener.status = 500
    outcome = watched.sync("group_types", more=more, strict=True)
    assert outcome.exit_code == 0
    assert [warning.kind for warning in outcome.run.warnings].count("ping not sent") == 2


def test_the_url_may_name_the_connection(listener: Listener) -> None:
    url = load({"HOGSYNC_SERVICE": {"ping": f"{listener.web}/{{connection}}/"}}).service.ping
    assert ping(url, "eu", "/start") == []
    assert listener.pinged == [f"{PATH}/eu/start"]


def test_a_switch_that_is_away_is_a_warning_without_its_url(listener: Listener) -> None:
    url = load({"HOGSYNC_SERVICE": {"ping": "http://127.0.0.1:9/secret"}}).service.ping
    (warning,) = ping(url, "default", "")
    assert "secret" not in warning.text
