"""Whatever a role, a database, the environment or a pooler says of a session: the same rows, or one sentence."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import pytest

from pipelines.check.warehouse import examine_warehouse
from pipelines.errors import WarehouseProblem
from pipelines.settings import load
from sources.sandbox import Sandbox
from tests.harness.pooler import pool
from tests.harness.postgres import Server
from tests.harness.scene import Scene
from tests.harness.served import EVENTS, HERE, change, new_field

_numbers = count(1)
SET = {
    "array_nulls": "off",
    "backslash_quote": "off",
    "bytea_output": "escape",
    "check_function_bodies": "off",
    "client_encoding": "LATIN1",
    "client_min_messages": "debug1",
    "DateStyle": "'SQL, DMY'",
    "default_transaction_isolation": "serializable",
    "default_with_oids": "off",
    "escape_string_warning": "off",
    "extra_float_digits": "-15",
    "IntervalStyle": "sql_standard",
    "jit": "off",
    "quote_all_identifiers": "on",
    "row_security": "off",
    "search_path": "elsewhere",
    "standard_conforming_strings": "off",
    "TimeZone": "'Asia/Kathmandu'",
    "transform_null_equals": "on",
    "xmlbinary": "hex",
}


@pytest.fixture
def changed(served: Scene) -> Scene:
    """Something is to be written that UTF-8 alone can say."""
    change(served, description=f"ünı\u2028cødé 🦔 \\ ' {next(_numbers)}", tags=["ł", "\\n"])
    return served


def synced(scene: Scene, times: int = 1) -> None:
    """Clean syncs."""
    for _ in range(times):
        assert scene.sync(EVENTS, **HERE).exit_code == 0
        scene.learn(scene.truth(EVENTS, **HERE))


@pytest.mark.fault("warehouse.session_settings")
def test_settings_of_a_role_or_a_database_change_no_row(changed: Scene, postgres_server: Server) -> None:
    name = changed.url.rpartition("/")[2]
    for parameter, value in SET.items():
        postgres_server.execute(f"alter database {name} set {parameter} = {value}")
    synced(changed, 2)
    with new_field(changed):
        synced(changed)
    postgres_server.execute(f"alter database {name} reset all")
    assert changed.wrong() == ""


@pytest.mark.fault("warehouse.session_settings")
def test_text_is_utf8_whatever_the_environment_and_the_url_say(
    changed: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = changed.url
    monkeypatch.setenv("PGCLIENTENCODING", "EUC_JP")
    changed.url = f"{url}?client_encoding=LATIN1"
    synced(changed)
    monkeypatch.delenv("PGCLIENTENCODING")
    changed.url = url
    assert changed.wrong() == ""


@pytest.mark.fault("warehouse.other_encoding")
@pytest.mark.parametrize("encoding", ["LATIN1", "WIN1252", "SQL_ASCII"])
def test_a_database_of_another_encoding_is_refused_before_anything_is_read(
    posthog: Sandbox, postgres_server: Server, tmp_path: Path, encoding: str
) -> None:
    name = f"in_{encoding.lower()}"
    postgres_server.execute(f"create database {name} encoding '{encoding}' locale 'C' template template0")
    scene = Scene(posthog, postgres_server.url(name), tmp_path / "home")
    with pytest.raises(WarehouseProblem, match=f"keeps text as {encoding}, .* encoding 'UTF8'"):
        scene.sync("cohorts")
    assert posthog.requests() == []
    findings = [str(one) for one in examine_warehouse(load(scene.settings()), ("cohorts",))]
    assert f"keeps text as {encoding}" in " ".join(findings)
    postgres_server.execute(f"drop database {name}")


@pytest.mark.fault("warehouse.options_refused")
def test_a_pooler_that_refuses_options_is_done_without_and_that_is_told_once(
    changed: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    direct = changed.url
    monkeypatch.setenv("PGOPTIONS", "-cwork_mem=8MB")
    with pool(direct, 8, strict=True) as pooler:
        hosts = f"@127.0.0.1:1,127.0.0.1:{pooler.port}/"
        changed.url = (
            direct.replace(f"@127.0.0.1:{urlsplit(direct).port}/", hosts) + "?options=-cwork_mem%3D8MB"
        )
        synced(changed)
    changed.url = direct
    assert changed.wrong() == ""
    assert len([record for record in caplog.records if "refuses options" in record.getMessage()]) == 1


@pytest.mark.fault("warehouse.socket")
def test_a_socket_of_this_machine_is_a_warehouse(changed: Scene) -> None:
    direct = changed.url
    with TemporaryDirectory(dir="/tmp") as folder, pool(direct, 8, at=Path(folder) / ".s.PGSQL.5432"):
        changed.url = f"postgresql:///{direct.rpartition('/')[2]}?host={folder}&user=hogsync"
        synced(changed)
    changed.url = direct
    assert changed.wrong() == ""
