"""The dashboards: each query over metrics names some that the service has, and each query over tables runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import promql_parser
import psycopg2
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from pipelines.schedule.metrics import Metrics
from sources.sandbox import Sandbox
from tests.harness.cli import hogsync
from tests.harness.postgres import OWNER, Server, serve

FOLDER = Path(__file__).parents[2] / "deploy/grafana"
ROLES = FOLDER.parent / "postgres/roles.sh"
WORDS = {"hogsync": 'it\'s a "word" with $signs', "grafana_reader": "another one"}
MACROS = {r"\$__timeFilter\(([\w.]+)\)": r"\1 between now() - interval '90 days' and now()"}


def dashboard(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((FOLDER / name).read_text("utf-8"))
    return read


def targets(name: str) -> list[tuple[str, dict[str, Any]]]:
    """The title of each panel with each of its queries."""
    panels = dashboard(name)["panels"]
    return [(panel["title"], target) for panel in panels for target in panel["targets"]]


def exported() -> set[str]:
    """The names of all metrics of the service, the parts of a histogram included."""
    families = text_string_to_metric_families(Metrics(lambda: {"default": datetime.now(UTC)}).text().decode())
    kinds = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    return {family.name + ending for family in families for ending in kinds[family.type]}


@pytest.mark.parametrize(("title", "target"), targets("metrics.json"))
def test_a_panel_asks_for_metrics_that_the_service_has(title: str, target: dict[str, Any]) -> None:
    expression = target["expr"].replace("$__rate_interval", "5m")
    assert promql_parser.parse(expression)
    named = set(re.findall(r"\bhogsync_\w+", expression))
    assert named
    assert named <= exported()


def test_every_metric_has_a_panel() -> None:
    shown = " ".join(target["expr"] for _, target in targets("metrics.json"))
    names = {re.sub(r"_(sum|count)$", "_bucket", name) for name in exported()}
    assert {name for name in names if name not in shown} == set()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A Postgres without the role `hogsync`, as a container begins with."""
    with serve() as server:
        server.execute("create role postgres superuser login password 'x'")
        server.execute("create database warehouse")
        with closing(psycopg2.connect(server.url(user="postgres", password="x"))) as connection:
            connection.cursor().execute(f"alter role {OWNER} rename to other")
            connection.commit()
        yield server


@pytest.fixture(scope="module")
def readers_url(server: Server, company: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Grafana's URL of a warehouse that has the roles of compose.yaml, and that hogsync has loaded."""
    secrets = tmp_path_factory.mktemp("secrets")
    for name, word in WORDS.items():
        (secrets / name).write_text(f"{word}\n", "utf-8")
    variables = {"POSTGRES_DB": "warehouse", "POSTGRES_USER": "postgres", "SECRETS": str(secrets)}
    variables |= {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGPASSWORD": "x"}
    path = f"{server.bin}:{os.environ['PATH']}"
    subprocess.run(["sh", ROLES], env={**variables, "PATH": path}, check=True)
    url = server.url("warehouse", user="hogsync", password=quote(WORDS["hogsync"], safe=""))
    (secrets / "warehouse_url").write_text(url, "utf-8")
    company.rewind("")
    done = hogsync(
        "sync",
        "--quiet",
        POSTHOG_HOST=company.url,
        POSTHOG_PERSONAL_API_KEY=company.key,
        WAREHOUSE_URL_FILE=str(secrets / "warehouse_url"),
        HOGSYNC_HOME=str(secrets / "home"),
    )
    assert (done.code, done.err) == (0, "")
    return server.url("warehouse", user="grafana", password=quote(WORDS["grafana_reader"]))


def test_grafana_reads_what_hogsync_writes_and_cannot_write(readers_url: str) -> None:
    with closing(psycopg2.connect(readers_url)) as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from posthog.cohorts")
        assert cursor.fetchone() > (0,)
        connection.rollback()
        connection.set_session(readonly=False)
        for sql in ("delete from posthog.cohorts", "create table posthog.mine (id int)"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(sql)
            connection.rollback()


@pytest.mark.parametrize(("title", "target"), targets("warehouse.json"))
def test_a_panel_over_tables_runs_as_the_reader(readers_url: str, title: str, target: dict[str, Any]) -> None:
    (variable,) = [one for one in dashboard("warehouse.json")["templating"]["list"] if one["type"] == "query"]
    with closing(psycopg2.connect(readers_url)) as connection, connection.cursor() as cursor:
        cursor.execute(variable["query"])
        assert cursor.fetchall() == [("posthog",)]
        sql = target["rawSql"].replace("${dataset}", "posthog")
        for macro, meaning in MACROS.items():
            sql = re.sub(macro, meaning, sql)
        assert "$" not in sql
        cursor.execute(sql)
        rows = cursor.fetchall()
    assert rows or title == "Runs with errors or warnings"


def test_the_dashboards_have_names_of_their_own_and_the_provisioned_database_is_one_of_the_warehouse() -> (
    None
):
    both = [dashboard("metrics.json"), dashboard("warehouse.json")]
    assert len({one["uid"] for one in both} | {one["title"] for one in both}) == 4
    provisioned = yaml.safe_load((FOLDER / "provisioning/datasources/warehouse.yaml").read_text("utf-8"))
    (source,) = provisioned["datasources"]
    assert {target["datasource"]["type"] for _, target in targets("warehouse.json")} == {source["type"]}
