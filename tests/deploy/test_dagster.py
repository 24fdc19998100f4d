"""hogsync under Dagster: what it is told, and a fleet of run workers that leaves every warehouse in the truth."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import hogsync
from pipelines.errors import UsageError
from pipelines.orchestration.checks import COMPLETE, NO_HELD_DELETES, NO_ROW_DROP, verdicts
from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.changes.table_changes import Counts
from sources.posthog.extract.results import TableResult
from sources.sandbox import Sandbox, start
from tests.component.scene import Scene, beside
from tests.deploy.dagster_instance import DEPLOY, ENDED, EngineRun, instance, signal_a_worker
from tests.harness.differences import differences
from tests.harness.environments import made
from tests.harness.expected import CORE, expected
from tests.harness.postgres import Server
from tests.harness.scene import HASH_KEY, of
from tests.harness.stored import ask, stored

CONNECTIONS, WORKERS = map(int, os.environ.get("HOGSYNC_TEST_DAGSTER", "200x4").split("x"))
"""How many connections are synced by how many workers; 1.3 x of ideal is asserted from MANY connections on."""
MANY, COMPANIES = 50, 4
PROGRAM = Path(__file__).with_name("in_dagster.py")


@pytest.fixture
def scene(posthog: Sandbox, tmp_path: Path) -> Scene:
    return beside(posthog, tmp_path / "home")


def failing(outcome: object, table: str) -> set[str]:
    return {name for name, verdict in verdicts(of(outcome, table)).items() if not verdict.passed}  # type: ignore[arg-type]


def test_the_checks_pass_after_a_first_sync_and_after_one_that_reads_streams_in_part(scene: Scene) -> None:
    for _ in range(2):
        outcome = scene.sync()
        assert {table: failing(outcome, table) for table in CORE if failing(outcome, table)} == {}


def test_many_deletes_fail_the_check_of_held_deletes_and_once_they_are_applied_that_of_the_rows(
    scene: Scene, posthog: Sandbox
) -> None:
    scene.sync("event_definitions", projects=(101,))
    names = [
        row["name"] for row in posthog.rows("event_definitions") if row["_parents"] == {"project_id": 101}
    ]
    for name in names[: len(names) // 2]:
        posthog.edit("event_definitions", where={"name": name}, parents={"project_id": 101}, delete=True)
    assert failing(scene.sync("event_definitions", projects=(101,)), "event_definitions") == {NO_HELD_DELETES}
    assert failing(scene.sync("event_definitions", projects=(101,)), "event_definitions") == {NO_ROW_DROP}


def test_rows_that_others_replace_are_not_lost() -> None:
    replaced = TableResult("comments", counts=Counts(deleted=30, inserted=30))
    assert verdicts(replaced)[NO_ROW_DROP].passed
    replaced.counts.inserted = 9
    assert not verdicts(replaced)[NO_ROW_DROP].passed


def test_a_table_that_the_key_may_not_read_is_not_complete(scene: Scene, posthog: Sandbox) -> None:
    for table in ("cohorts", "comments"):
        posthog.gate(table, 403)
        assert failing(scene.sync(table), table) == {COMPLETE}


def test_without_dagster_the_definitions_say_how_to_get_it() -> None:
    with pytest.raises(UsageError, match=r"pip install 'hogsync\[dagster\]'"):
        hogsync.dagster_definitions()


# -- with the installed Dagster


@pytest.fixture(scope="module")
def dagster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("dagster") / "venv", DEPLOY / "requirements.txt", hogsync=True)


@pytest.fixture(scope="module")
def posthogs() -> Iterator[list[Sandbox]]:
    companies = [start(seed=seed) for seed in range(1, 1 + min(COMPANIES, CONNECTIONS))]
    yield companies
    for company in companies:
        company.stop()


@pytest.mark.soak("dagster")
def test_dagster_knows_the_catalogue_and_the_settings(
    dagster: Path, posthogs: list[Sandbox], postgres_server: Server, tmp_path: Path
) -> None:
    with instance(dagster, tmp_path / "instance", postgres_server, posthogs, connections=2, workers=1) as one:
        connections = (one.folder / "hogsync.toml").read_text().partition("\n\n")[2]
        with (one.folder / "hogsync.toml").open("w") as file:
            file.write(
                f"{connections}\n"
                '[groups.often]\ncrontab = "*/10 * * * *"\ntables = ["cohorts"]\nconnections = ["c1"]\n'
                '[groups.at-night]\ncrontab = "30 2 * * mon-fri"\ntimezone = "Europe/Berlin"\n'
            )
        done = one.command("python", str(PROGRAM))
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout.splitlines()[-1])
        wrong = one.command(
            "dagster", "definitions", "validate", "-w", "workspace.yaml", HOGSYNC_SELECTION__TABLES="cohrts"
        )
    assert told["assets"].keys() == ENDPOINTS.keys()
    deliveries = told["assets"]["subscription_deliveries"]
    assert deliveries["description"] == ENDPOINTS["subscription_deliveries"].doc
    assert deliveries["parents"] == ["subscriptions"]
    assert deliveries["tags"] == {"hogsync/plan": "stream", "hogsync/owner": "subscription"}
    assert set(deliveries["key"].split(", ")) <= set(deliveries["columns"])
    assert deliveries["checks"] == sorted([COMPLETE, NO_HELD_DELETES, NO_ROW_DROP])
    assert deliveries["partitions"] == ["c0", "c1"]
    fresh = {table: (asset["group"], asset["fresh"]) for table, asset in told["assets"].items()}
    assert fresh["cohorts"] == ("often", 20 * 60)
    assert fresh["comments"] == ("at_night", (3 + 1) * 86400), "a weekend, and a day more"
    assert told["schedules"] == {
        "sync_often_schedule": {"crontab": "*/10 * * * *", "timezone": "UTC", "connections": ["c1"]},
        "sync_at_night_schedule": {
            "crontab": "30 2 * * mon,tue,wed,thu,fri",
            "timezone": "Europe/Berlin",
            "connections": ["c0", "c1"],
        },
    }
    assert wrong.returncode != 0
    assert "There is no table 'cohrts'; did you mean cohorts?" in wrong.stdout + wrong.stderr


@pytest.mark.soak("dagster")
def test_a_partition_reads_a_period_again_as_hogsync_backfill_does_and_refuses_what_that_refuses(
    dagster: Path, posthogs: list[Sandbox], postgres_server: Server, tmp_path: Path
) -> None:
    period = '{"ops": {"sync": {"config": {"from": "2020-01-01"}}}}'
    with instance(dagster, tmp_path / "instance", postgres_server, posthogs, connections=2, workers=1) as one:

        def materialised(table: str) -> CompletedProcess[str]:
            words = ("--select", f"posthog/{table}", "--partition", "c1", "--config-json", period)
            return one.command("dagster", "asset", "materialize", *words, "-f", "definitions.py")

        good, refused = materialised("comments"), materialised("cohorts")
        assert good.returncode == 0, good.stderr
        assert refused.returncode != 0
        assert "A range of time means nothing for cohorts" in refused.stdout + refused.stderr
        runs = ask(one.environment["WAREHOUSE_URL"], "select trigger, status from posthog_c1._hogsync_runs")
        assert runs == [("backfill", "ok")]


@pytest.mark.soak("dagster")
def test_a_run_that_is_terminated_is_recorded_as_interrupted(
    dagster: Path, posthogs: list[Sandbox], postgres_server: Server, tmp_path: Path
) -> None:
    posthogs[0].clear_requests()
    posthogs[0].options(latency=0.3)
    with instance(dagster, tmp_path / "instance", postgres_server, posthogs, connections=1, workers=1) as one:
        process = one.started(
            "dagster", "asset", "materialize", "--select", "*", "--partition", "c0", "-f", "definitions.py"
        )
        one.until(lambda: len(posthogs[0].requests()) > 10)
        assert signal_a_worker(postgres_server, signal.SIGTERM)
        assert process.wait(120) != 0
        statuses = ask(one.environment["WAREHOUSE_URL"], "select status from posthog_c0._hogsync_runs")
    posthogs[0].clear_options()
    assert statuses == [("interrupted",)]


@pytest.mark.soak("dagster")
def test_a_fleet_of_workers_of_which_one_is_killed_leaves_every_dataset_in_the_truth(
    dagster: Path, posthogs: list[Sandbox], postgres_server: Server, tmp_path: Path
) -> None:
    fleet = instance(
        dagster,
        tmp_path / "instance",
        postgres_server,
        posthogs,
        connections=CONNECTIONS,
        workers=WORKERS,
    )
    with fleet as one:
        with one.daemon():
            one.tick(CONNECTIONS)
            one.until(lambda: sum(run.status == "SUCCESS" for run in one.runs()) >= CONNECTIONS // 3)
            one.until(lambda: signal_a_worker(postgres_server, signal.SIGKILL))
            one.until(lambda: done(one.runs()))
        runs = one.runs()
        warehouse = one.environment["WAREHOUSE_URL"]
        report(runs, warehouse)
        assert Counter(run.status for run in runs) == {"SUCCESS": CONNECTIONS, "FAILURE": 1}
        assert Counter(run.connection for run in runs if run.status == "SUCCESS") == {
            f"c{number}": 1 for number in range(CONNECTIONS)
        }
        assert len({run.tags["hogsync/budget"] for run in runs}) == CONNECTIONS
        for number in range(CONNECTIONS):
            truth = expected(posthogs[number % len(posthogs)].truth(), HASH_KEY)
            wrong = differences(truth, stored(warehouse, f"posthog_c{number}"))
            assert not wrong, f"c{number}: {wrong}"


def done(runs: list[EngineRun]) -> bool:
    """Whether every connection has a run that succeeded, and no run is on its way."""
    good = {run.connection for run in runs if run.status == "SUCCESS"}
    return len(good) == CONNECTIONS and all(run.status in ENDED for run in runs)


def report(runs: list[EngineRun], warehouse: str) -> None:
    """Print how the work was divided, and assert that the division was near the ideal one."""
    work = sum(run.end - run.start for run in runs)
    took = max(run.end for run in runs) - min(run.start for run in runs)
    own = [
        seconds
        for number in range(CONNECTIONS)
        for (seconds,) in ask(
            warehouse,
            f"select extract(epoch from finished_at - started_at)::float from posthog_c{number}._hogsync_runs",
        )
    ]
    ratio = took / (work / WORKERS)
    print(
        f"{CONNECTIONS} connections, {WORKERS} workers: {took:.0f} s, {ratio:.2f} x of the ideal division of the "
        f"{work:.0f} s that workers were busy, {sum(own):.0f} s of them in hogsync's own runs"
    )
    if CONNECTIONS >= MANY:
        assert ratio <= 1.3
