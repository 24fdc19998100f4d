"""What dlt would take from its surroundings moves no row and changes none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common import known_env

from pipelines.errors import WarehouseProblem
from pipelines.sync.dlt_configuration import configured
from tests.harness.command import run_process
from tests.harness.postgres import Server
from tests.harness.scene import Scene, written
from tests.harness.served import EVENTS, HERE, change, right

pytestmark = pytest.mark.duckdb_first

TABLES = ("cohorts", "organization_activity_logs", "subscriptions")
HOSTILE = {
    "ADD_DLT_ID": "true",
    "ADD_DLT_LOAD_ID": "false",
    "ALLOW_EXTERNAL_SCHEDULERS": "true",
    "ALWAYS_REFRESH_VIEWS": "true",
    "CREATE_INDEXES": "false",
    "CREDENTIALS": "duckdb:///elsewhere.duckdb",
    "CREDENTIALS__DATABASE": "elsewhere",
    "DATABASE": "elsewhere",
    "DATASET_NAME": "elsewhere",
    "DATASET_NAME_LAYOUT": "elsewhere_%s",
    "DATA_WRITER__BUFFER_MAX_ITEMS": "3",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
    "DESTINATION__DUCKDB__CREDENTIALS": "duckdb:///elsewhere.duckdb",
    "DESTINATION__DUCKDB__CREDENTIALS__READ_ONLY": "true",
    "DESTINATION__NAME": "filesystem",
    "DESTINATION__POSTGRES__CREDENTIALS": "postgresql://nobody@nowhere.invalid/elsewhere",
    "DESTINATION_NAME": "filesystem",
    "DESTINATION_TYPE": "filesystem",
    "DEV_MODE": "true",
    "DLT_ALLOW_EXTERNAL_SCHEDULERS": "true",
    "DLT_CONFIG_FOLDER": "elsewhere",
    "DLT_DATA_DIR": "elsewhere",
    "DLT_INTERVAL_END": "2001-01-02T00:00:00Z",
    "DLT_INTERVAL_START": "2001-01-01T00:00:00Z",
    "DLT_LOCAL_DIR": "elsewhere",
    "DLT_PROJECT_DIR": "elsewhere",
    "ENABLE_DATASET_NAME_NORMALIZATION": "false",
    "EXPORT_SCHEMA_PATH": "elsewhere",
    "EXTRACT__WORKERS": "1",
    "FULL_REFRESH": "true",
    "IMPORT_SCHEMA_PATH": "elsewhere",
    "LOADER_FILE_FORMAT": "jsonl",
    "LOAD__DELETE_COMPLETED_JOBS": "true",
    "LOAD__RAISE_ON_FAILED_JOBS": "false",
    "LOAD__TRUNCATE_STAGING_DATASET": "false",
    "LOCAL_DIR": "elsewhere",
    "MAX_TABLE_NESTING": "0",
    "NAMING": "sql_cs_v1",
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_ID": "true",
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "false",
    "NORMALIZE__WORKERS": "3",
    "PIPELINES_DIR": "elsewhere",
    "PIPELINES__HOGSYNC__DEV_MODE": "true",
    "PIPELINE_NAME": "elsewhere",
    "POOL_TYPE": "process",
    "PROGRESS": "plain",
    "PROVIDERS__ENABLE_AWS_SECRETS": "true",
    "RAISE_ON_FAILED_JOBS": "false",
    "REFRESH": "drop_sources",
    "REPLACE_STRATEGY": "staging-optimized",
    "RESTORE_FROM_DESTINATION": "false",
    "RUNTIME__DLTHUB_TELEMETRY_ENDPOINT": "http://127.0.0.1:9",
    "SCHEMA__NAMING": "sql_cs_v1",
    "SOURCES__POSTHOG__SCHEMA__NAMING": "sql_cs_v1",
    "STAGING_DATASET_NAME_LAYOUT": "posthog",
    "STAGING_NAME": "filesystem",
    "STAGING_TYPE": "filesystem",
    "TRUNCATE_TABLES_ON_STAGING_DESTINATION_BEFORE_LOAD": "false",
    "USE_SINGLE_DATASET": "false",
    "WORKERS": "1",
    "WRITE_DISPOSITION": "replace",
}
TOML = """
dev_mode = true
dataset_name_layout = "elsewhere_%s"
add_dlt_load_id = false
progress = "plain"
credentials = "duckdb:///elsewhere.duckdb"

[pipelines.hogsync]
dev_mode = true

[destination]
staging_dataset_name_layout = "posthog"

[load]
workers = 2

[schema]
naming = "sql_cs_v1"
"""


@pytest.mark.fault("warehouse.dlt_configured")
def test_no_setting_of_dlts_in_the_environment_or_its_files_moves_or_changes_a_row(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = scene.home.parent / ".dlt"
    folder.mkdir()
    for name in ("config.toml", "secrets.toml"):
        (folder / name).write_text(TOML)
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    if scene.url.startswith("duckdb"):
        scene.url = "duckdb:///hogsync.duckdb"
    scene.sync(*TABLES)
    scene.learn(scene.truth(*TABLES))
    assert scene.wrong() == ""
    scene.posthog.edit("cohorts", where={"is_static": True}, set={"description": scene.url[:4]})
    assert 0 < written(scene.sync(*TABLES)) < 100
    scene.learn(scene.truth(*TABLES))
    assert scene.wrong() == ""
    assert written(scene.sync(*TABLES)) == 0
    schemas = scene.ask("select distinct table_schema from information_schema.tables")
    assert {name for (name,) in schemas if not name.startswith(("pg_", "information_"))} == {
        "posthog",
        "posthog__hogsync_staging",
    }


@pytest.mark.fault("warehouse.dlt_configured")
def test_nothing_that_dlt_reads_beside_its_configuration_breaks_a_sync(file_scene: Scene) -> None:
    names = [name for name in vars(known_env) if name.startswith("DLT_")]
    assert "DLT_DEFAULT_NAMING_NAMESPACE" in names
    nonsense: dict[str, Any] = dict.fromkeys(names, "nonsense")
    ended = run_process(file_scene, "sync", "cohorts", "--quiet", **nonsense)
    assert (ended.code, ended.err) == (0, "")
    file_scene.learn(file_scene.truth("cohorts"))
    assert file_scene.wrong() == ""


@pytest.mark.fault("warehouse.load_not_recorded")
def test_a_load_that_is_not_on_record_moves_no_position(served: Scene, postgres_server: Server) -> None:
    database = served.url.rpartition("/")[2]
    refuse = "create function posthog.refuse() returns trigger language plpgsql as 'begin return null; end'"
    trigger = "create trigger refuse before insert on posthog._dlt_loads for each row execute function posthog.refuse()"
    postgres_server.execute(refuse, database)
    postgres_server.execute(trigger, database)
    positions = "select path, last_complete_at from posthog._hogsync_paths order by 1"
    before = served.ask(positions)
    change(served, description="not on record")
    with pytest.raises(WarehouseProblem, match="has no record of it"):
        served.sync(EVENTS, **HERE)
    assert served.ask(positions) == before
    postgres_server.execute("drop trigger refuse on posthog._dlt_loads", database)
    right(served)


def test_what_makes_no_sense_in_dlts_settings_is_told_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text("[load")
    monkeypatch.setenv("LOAD__WORKERS", "0")
    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "loud")
    monkeypatch.setenv("DATA_WRITER__FILE_MAX_ITEMS", "7")
    with configured(tmp_path):
        assert [dlt.config.get(name) for name in ("load.workers", "data_writer.file_max_items")] == [4, 7]
        monkeypatch.delenv(
            "RUNTIME__LOG_LEVEL"
        )  # dlt itself, if an earlier test has used it, would fail over it
    told = [record.getMessage() for record in caplog.records]
    assert told[0].startswith("dlt's configuration is left out: ./.dlt/config.toml or ")
    assert told[1:] == [
        "dlt's setting LOAD__WORKERS is left out: it cannot be '0'.",
        "dlt's setting RUNTIME__LOG_LEVEL is left out: it cannot be 'loud'.",
    ]


def test_dlt_is_as_it_was_after_a_load_of_hogsyncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATASET_NAME", "theirs")
    with configured(tmp_path):
        assert dlt.config.get("dataset_name") is None
    assert dlt.config.get("dataset_name") == "theirs"
