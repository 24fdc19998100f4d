"""`check` against a real sandbox and real databases: what it finds, what it says to do, what it leaves behind."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pytest

from destinations.permissions import OWN_SCHEMAS, READY_MADE, grants
from pipelines.check import CheckReport
from pipelines.check import check as checked
from pipelines.check.access import PARENTS_ASKED, REQUESTS
from pipelines.errors import WarehouseProblem
from pipelines.settings import Settings, load
from pipelines.sync.outcome import ExtractionFailed
from pipelines.sync.reach import NOWHERE
from pipelines.sync.selection import Selection
from pipelines.sync.sync import sync
from sources.posthog.catalogue import ENDPOINTS
from sources.sandbox import Sandbox
from tests.harness.expected import CORE
from tests.harness.postgres import PASSWORD, Server
from tests.harness.versions import history, wrong_versions

EVERY_SCOPE = sorted({ENDPOINTS[table].scope for table in CORE})
NO_WAIT = {"HOGSYNC_WAREHOUSE": {"wait": 0}}
COHORTS = Selection(tables=("cohorts",), projects=(101,))
ROLE_PASSWORD = "a mouse@forgets+50%/more?"


@pytest.fixture
def company(canary_company: Sandbox) -> Sandbox:
    return canary_company


@pytest.fixture
def settings(posthog: Sandbox) -> Callable[..., Settings]:
    def make(**overrides: Any) -> Settings:
        return load({"POSTHOG_HOST": posthog.url, "POSTHOG_PERSONAL_API_KEY": posthog.key, **overrides})

    return make


@pytest.fixture
def check(settings: Callable[..., Settings]) -> Callable[..., CheckReport]:
    def run(**overrides: Any) -> CheckReport:
        return checked(settings(**overrides))

    return run


def told(report: CheckReport, about: str, *, ok: bool | None = False) -> str:
    """What a report says about one thing, by whether that is fine."""
    return "\n".join(one.text for one in report.findings if one.about == about and one.ok is ok)


def status(report: CheckReport) -> dict[str, str]:
    return {table["table"]: table["status"] for table in report.as_json()["tables"]}


# -- the key and where it leads ------------------------------------------------------------------


def test_all_is_fine_with_a_good_key_and_a_warehouse_of_either_kind(
    check: Callable[..., CheckReport], warehouse_url: str
) -> None:
    report = check(WAREHOUSE_URL=warehouse_url)
    assert report.exit_code == 0
    assert not [line for line in report.findings if line.ok is False]
    assert status(report) == dict.fromkeys(sorted(CORE, key=list(ENDPOINTS).index), "readable")
    assert "user 1" in told(report, "posthog", ok=True)


def test_organizations_and_projects_are_named_with_their_ids(check: Callable[..., CheckReport]) -> None:
    found = check().as_json()
    assert {project["id"] for project in found["projects"]} == {101, 102, 103, 201}
    assert {one["name"] for one in found["organizations"]} == {"Hedgebox", "Kaffeerösterei Nord GmbH"}


def test_the_report_can_be_written_as_json(check: Callable[..., CheckReport]) -> None:
    written = json.loads(json.dumps(check().as_json()))
    assert written["exit_code"] == 0
    assert written["findings"]


def test_a_key_that_is_scoped_to_a_project_is_asked_about_that_project(
    check: Callable[..., CheckReport], posthog: Sandbox
) -> None:
    token = posthog.new_key("one project", scoped_teams=[103])
    here = {"HOGSYNC_SELECTION": {"tables": ("cohorts",)}, "HOGSYNC_GROUPS": {"all": {}}}
    assert check(POSTHOG_PERSONAL_API_KEY=token, **here).exit_code == 0
    report = check(POSTHOG_PERSONAL_API_KEY=token)
    assert report.exit_code == 1, "its organization and members are selected, too"
    assert report.as_json()["projects"] == [{"id": 103, "name": "Playground"}]
    assert "without that restriction" in told(report, "organizations")
    assert status(report)["organization_members"] == "unavailable"
    assert status(report)["cohorts"] == "readable"
    assert status(report)["subscription_deliveries"] == "empty"
    assert "restricted to projects 103" in told(report, "posthog", ok=None)


def test_a_key_of_a_member_who_is_no_admin_is_told_what_it_may_not_see(
    check: Callable[..., CheckReport], posthog: Sandbox
) -> None:
    assert "is no admin" not in told(check(), "posthog", ok=None)
    report = check(POSTHOG_PERSONAL_API_KEY=posthog.new_key("seen by a member", user="member"))
    assert "The key's owner is no admin of Hedgebox" in told(report, "posthog", ok=None)


def test_a_key_that_is_scoped_to_an_organization_is_asked_about_its_projects(
    check: Callable[..., CheckReport], posthog: Sandbox
) -> None:
    everything = check().as_json()["organizations"]
    nord = next(one["id"] for one in everything if one["name"].startswith("Kaffee"))
    found = check(POSTHOG_PERSONAL_API_KEY=posthog.new_key("nord", scoped_organizations=[nord])).as_json()
    assert [project["id"] for project in found["projects"]] == [201]
    assert found["exit_code"] == 0
    assert {table["status"] for table in found["tables"]} == {"readable"}


def test_a_revoked_key_is_exit_3_and_the_warehouse_is_looked_at_all_the_same(
    check: Callable[..., CheckReport], posthog: Sandbox
) -> None:
    token = posthog.new_key("gone")
    posthog.change_key("gone", revoked=True)
    report = check(POSTHOG_PERSONAL_API_KEY=token)
    assert report.exit_code == 3
    assert "401" in told(report, "posthog")
    assert "can be written" in told(report, "warehouse", ok=True)


def test_a_key_refused_in_the_middle_is_exit_3_with_what_was_found_before(
    check: Callable[..., CheckReport], posthog: Sandbox
) -> None:
    posthog.fault(path="/cohorts/", kind="status", status=401)
    report = check()
    assert report.exit_code == 3
    assert status(report)["projects"] == "readable"
    assert status(report)["cohorts"] == "not asked"


def test_without_a_key_the_host_is_asked_nevertheless(posthog: Sandbox) -> None:
    report = checked(load({"POSTHOG_HOST": posthog.url}))
    assert report.exit_code == 2
    assert "POSTHOG_PERSONAL_API_KEY" in told(report, "posthog")
    assert "answers" in told(report, "posthog", ok=True)


@pytest.mark.parametrize("fault", [{"kind": "html"}, {"kind": "html", "status": 404}, {"kind": "redirect"}])
def test_a_host_that_is_no_posthog_is_exit_2(
    check: Callable[..., CheckReport], posthog: Sandbox, fault: dict[str, Any]
) -> None:
    posthog.fault(path="", **fault)
    report = check()
    assert report.exit_code == 2
    assert "POSTHOG_HOST" in told(report, "posthog")
    assert "can be written" in told(report, "warehouse", ok=True)


def test_a_host_where_nothing_listens_is_exit_1_as_of_a_sync(check: Callable[..., CheckReport]) -> None:
    report = check(POSTHOG_HOST="http://127.0.0.1:9")
    assert report.exit_code == ExtractionFailed.exit_code == 1
    assert "refused" in told(report, "posthog")


def test_a_posthog_that_is_down_is_exit_1_because_nothing_here_is_wrong(
    check: Callable[..., CheckReport], posthog: Sandbox
) -> None:
    posthog.fault(path="", kind="html", status=502)
    assert check().exit_code == 1


def test_proxy_variables_that_cannot_be_used_are_exit_2(
    check: Callable[..., CheckReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "nonsense://proxy")
    report = check(POSTHOG_HOST="https://posthog.example")
    assert report.exit_code == 2
    assert "proxy" in told(report, "settings")


# -- the tables ----------------------------------------------------------------------------------


@pytest.mark.fault("access.nowhere")
def test_a_key_that_reaches_no_organization_is_exit_3(
    check: Callable[..., CheckReport], posthog: Sandbox
) -> None:
    nothing: dict[str, Any] = {"count": 0, "next": None, "previous": None, "results": []}
    posthog.fault(path="/api/organizations/", kind="status", status=200, body=nothing)
    report = check()
    assert (report.exit_code, told(report, "posthog")) == (3, f"{NOWHERE}.")


def test_a_missing_scope_is_named_with_the_tables_that_lack_it(
    check: Callable[..., CheckReport], posthog: Sandbox
) -> None:
    scopes = [scope for scope in EVERY_SCOPE if scope not in {"cohort:read", "subscription:read"}]
    report = check(POSTHOG_PERSONAL_API_KEY=posthog.new_key("narrow", scopes=scopes))
    assert report.exit_code == 1, "a sync goes on without them, but who asks is to know"
    assert "cohort:read" in told(report, "cohorts")
    assert "because subscriptions is not readable" in told(report, "subscription_deliveries")
    assert "cohort:read, subscription:read" in told(report, "scopes")
    assert report.as_json()["scopes"]["missing"] == ["cohort:read", "subscription:read"]
    assert status(report)["comments"] == "readable"


@pytest.mark.fault("security.scopes")
def test_the_minimal_list_is_enough(check: Callable[..., CheckReport], posthog: Sandbox) -> None:
    needed = check().as_json()["scopes"]["needed"]
    assert needed == EVERY_SCOPE
    enough = posthog.new_key("enough", scopes=needed)
    assert set(status(check(POSTHOG_PERSONAL_API_KEY=enough)).values()) == {"readable"}


@pytest.mark.fault("security.scopes")
@pytest.mark.parametrize("lacking", EVERY_SCOPE)
def test_each_scope_of_the_minimal_list_is_needed(
    check: Callable[..., CheckReport], posthog: Sandbox, lacking: str
) -> None:
    fewer = posthog.new_key("fewer", scopes=[scope for scope in EVERY_SCOPE if scope != lacking])
    report = check(POSTHOG_PERSONAL_API_KEY=fewer)
    assert report.as_json()["scopes"]["missing"] == [lacking]
    assert "unavailable" in status(report).values()


def test_the_minimal_list_is_that_of_the_selection_and_its_parents(check: Callable[..., CheckReport]) -> None:
    report = check(HOGSYNC_SELECTION={"tables": ("cohorts",)}, HOGSYNC_GROUPS={"all": {"tables": ("users",)}})
    needed = report.as_json()["scopes"]["needed"]
    assert needed == ["cohort:read", "organization:read", "project:read", "user:read"]
    assert ", ".join(needed) in told(report, "scopes", ok=None)


def test_a_key_that_may_more_than_read_is_told_so(
    check: Callable[..., CheckReport], posthog: Sandbox
) -> None:
    assert "(*)" in told(check(), "scopes", ok=None)
    token = posthog.new_key("writer", scopes=[*EVERY_SCOPE, "cohort:write", "insight:read"])
    said = told(check(POSTHOG_PERSONAL_API_KEY=token), "scopes", ok=None)
    assert "more than read (cohort:write)" in said
    assert "does not need: insight:read" in said


@pytest.mark.parametrize(
    ("gate", "words"), [(402, "plan"), (403, "viewer access"), (404, "does not have it")]
)
def test_a_list_that_is_not_to_be_had_is_told_in_posthogs_own_words(
    check: Callable[..., CheckReport], posthog: Sandbox, gate: int, words: str
) -> None:
    posthog.gate("subscriptions", gate)
    report = check()
    assert report.exit_code == 1
    assert words in told(report, "subscriptions")
    assert str(gate) in told(report, "subscriptions")
    assert ENDPOINTS["subscriptions"].requires in told(report, "subscriptions")
    assert status(report)["subscription_deliveries"] == "unavailable"


def test_a_list_refused_in_one_project_only_is_told_with_that_project(
    check: Callable[..., CheckReport], posthog: Sandbox
) -> None:
    posthog.gate("cohorts", 402, project=103)
    report = check()
    assert "not in Playground (103)" in told(report, "cohorts")
    assert (status(report)["cohorts"], report.exit_code) == ("partly", 0)


def test_a_selection_of_which_nothing_is_readable_is_exit_3(
    check: Callable[..., CheckReport], posthog: Sandbox
) -> None:
    posthog.gate("cohorts", 404)
    report = check(HOGSYNC_SELECTION={"tables": ("cohorts",)}, HOGSYNC_GROUPS={"all": {}})
    assert report.exit_code == 3
    assert "Nothing of the selection is readable" in told(report, "posthog")


def test_a_list_that_fails_is_exit_1(check: Callable[..., CheckReport], posthog: Sandbox) -> None:
    posthog.fault(path="/comments/", kind="status", status=500)
    report = check()
    assert report.exit_code == 1
    assert status(report)["comments"] == "failed"
    assert status(report)["cohorts"] == "readable"


def test_each_list_is_asked_once_for_a_single_row(
    check: Callable[..., CheckReport], posthog: Sandbox
) -> None:
    check()
    seen = posthog.requests()
    assert len({request["path"] for request in seen}) == len(seen)
    assert {request["method"] for request in seen} == {"GET"}
    rows = [request for request in seen if "limit=" in request["query"]]
    assert all(
        "limit=1&" in r["query"] for r in rows if not r["path"].endswith(("organizations/", "/projects/"))
    )


def test_a_table_is_asked_for_below_a_few_parents_only(
    check: Callable[..., CheckReport], posthog: Sandbox
) -> None:
    many = [101, *range(1000, 1000 + PARENTS_ASKED + 10)]
    check(POSTHOG_PERSONAL_API_KEY=posthog.new_key("many", scoped_teams=many))
    seen = [request["path"] for request in posthog.requests()]
    details = [path for path in seen if re.fullmatch(r"/api/projects/\d+/", path)]
    few = REQUESTS // len(CORE)
    assert len(details) == len([path for path in seen if path.endswith("/cohorts/")]) == few < PARENTS_ASKED


# -- settings ------------------------------------------------------------------------------------


def test_unknown_tables_projects_and_an_unusable_home_are_told_together(
    check: Callable[..., CheckReport], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    report = check(
        HOGSYNC_SELECTION={"tables": ("cohort",)},
        HOGSYNC_PROJECTS={"only": (101, 999)},
        HOGSYNC_HOME=str(tmp_path / "file"),
    )
    said = told(report, "settings")
    assert report.exit_code == 2
    assert "did you mean cohorts?" in said
    assert "999" in said
    assert "101" not in said.replace(str(tmp_path), "")
    assert "HOGSYNC_HOME" in said


def test_of_several_problems_all_are_told_and_the_most_urgent_decides(
    check: Callable[..., CheckReport], posthog: Sandbox
) -> None:
    token = posthog.new_key("gone too")
    posthog.change_key("gone too", revoked=True)
    bad = {"POSTHOG_PERSONAL_API_KEY": token, "WAREHOUSE_URL": "duckdb:///no/such/folder/x.duckdb"}
    report = check(**bad)
    assert report.exit_code == 3
    assert {one.exit_code for one in report.findings} == {0, 3, 4}
    assert check(**bad, HOGSYNC_SELECTION={"tables": ("cohort",)}).exit_code == 2
    assert check(WAREHOUSE_URL=bad["WAREHOUSE_URL"]).exit_code == 4


def test_nothing_secret_is_in_any_line_or_in_the_json(
    check: Callable[..., CheckReport], posthog: Sandbox, postgres_url: str
) -> None:
    for overrides in (
        {"WAREHOUSE_URL": postgres_url},
        {"WAREHOUSE_URL": postgres_url.replace(PASSWORD, "wrong-password")},
        {"POSTHOG_PERSONAL_API_KEY": posthog.new_key("thin", scopes=["user:read"])},
    ):
        report = check(**overrides)
        text = json.dumps(report.as_json()) + repr(report.findings)
        for secret in ("canarysecret", "phx_", PASSWORD, "wrong-password"):
            assert secret not in text
        assert not re.search(r"[\w.]+@[\w.]+\.\w+", text), "an e-mail address"


# -- the warehouse -------------------------------------------------------------------------------


def test_a_duckdb_file_that_does_not_exist_is_not_there_afterwards(
    check: Callable[..., CheckReport], tmp_path: Path
) -> None:
    report = check(WAREHOUSE_URL="duckdb:///new.duckdb")
    assert report.exit_code == 0
    assert "new.duckdb" in told(report, "warehouse", ok=True)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert not (tmp_path / "home" / "hash.key").exists()


def test_a_warehouse_is_the_same_after_the_check(
    check: Callable[..., CheckReport], settings: Callable[..., Settings], tmp_path: Path
) -> None:
    sync(settings(), COHORTS)
    file = tmp_path / "hogsync.duckdb"
    before, names = file.read_bytes(), sorted(path.name for path in tmp_path.iterdir())
    assert check().exit_code == 0
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_nothing_is_left_in_postgres(
    check: Callable[..., CheckReport], postgres_server: Server, postgres_url: str
) -> None:
    everything = "select nspname from pg_namespace union all select relname from pg_class order by 1"
    before = postgres_server.execute(everything, database(postgres_url))
    assert check(WAREHOUSE_URL=postgres_url).exit_code == 0
    assert postgres_server.execute(everything, database(postgres_url)) == before


@pytest.mark.parametrize("where", ["no/such/folder/x.duckdb", "text.duckdb"])
def test_a_file_that_cannot_be_a_warehouse_is_exit_4(
    check: Callable[..., CheckReport], tmp_path: Path, where: str
) -> None:
    (tmp_path / "text.duckdb").write_text("not a database " * 1000)
    report = check(WAREHOUSE_URL=f"duckdb:///{where}")
    assert report.exit_code == 4
    assert where in told(report, "warehouse")


def test_who_can_read_the_file_is_told_and_that_a_setting_does_not_change_it(
    check: Callable[..., CheckReport],
) -> None:
    duckdb.connect("hogsync.duckdb", config={"storage_compatibility_version": "v1.2.0"}).close()
    said = told(check(), "warehouse", ok=None)
    assert "DuckDB v1.2.0 or newer; [warehouse] storage_version = v1.5.0 holds for new files only" in said


def test_a_file_held_by_another_process_is_exit_4_and_says_by_whom(check: Callable[..., CheckReport]) -> None:
    duckdb.connect("hogsync.duckdb").close()
    code = "import duckdb, sys; c = duckdb.connect('hogsync.duckdb'); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1) as holder:
        assert holder.stdout
        holder.stdout.readline()
        report = check(**NO_WAIT)
        holder.communicate()
    assert report.exit_code == 4
    assert str(holder.pid) in told(report, "warehouse")
    assert check().exit_code == 0


def test_a_sync_at_work_is_no_problem_but_told(
    check: Callable[..., CheckReport], warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    code = (
        "import sys; from pipelines.locking.load_lock import load_lock; from pipelines.settings import load\n"
        "with load_lock(load(), 0, 'hogsync sync'): print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1) as holder:
        assert holder.stdout
        holder.stdout.readline()
        report = check()
        holder.communicate()
    assert report.exit_code == 0
    assert f"hogsync sync, process {holder.pid}" in told(report, "warehouse", ok=None)


@pytest.mark.fault("security.hash_key")
def test_a_dataset_of_another_posthog_or_another_hash_key_is_exit_2(
    check: Callable[..., CheckReport],
    settings: Callable[..., Settings],
    other_company: Sandbox,
    warehouse_url: str,
    tmp_path: Path,
) -> None:
    sync(settings(WAREHOUSE_URL=warehouse_url), COHORTS)
    assert check(WAREHOUSE_URL=warehouse_url).exit_code == 0
    there = {"POSTHOG_HOST": other_company.url, "POSTHOG_PERSONAL_API_KEY": other_company.key}
    elsewhere = check(WAREHOUSE_URL=warehouse_url, **there)
    hashed = check(WAREHOUSE_URL=warehouse_url, HOGSYNC_HASH_KEY="another secret, of enough length 1")
    lost = check(WAREHOUSE_URL=warehouse_url, HOGSYNC_HOME=str(tmp_path / "fresh"))
    assert [one.exit_code for one in (elsewhere, hashed, lost)] == [2, 2, 2]
    assert "HOGSYNC_DATASET" in told(elsewhere, "warehouse")
    assert "HOGSYNC_HASH_KEY" in told(hashed, "warehouse")
    assert "HOGSYNC_HASH_KEY" in told(lost, "warehouse")
    assert not (tmp_path / "fresh" / "hash.key").exists()


# -- Postgres: the least that a role needs -------------------------------------------------------


def database(url: str) -> str:
    return url.rpartition("/")[2]


class Loader:
    """A role that may nothing at first, in a database in which the public may nothing either."""

    def __init__(self, server: Server, url: str) -> None:
        self.server, self.database = server, database(url)
        self.name = f"loader of {self.database}"
        user, password = quote(self.name), quote(ROLE_PASSWORD, safe="")
        options = "?options=-c%20lock_timeout%3D60000"
        self.url = server.url(self.database + options, user=user, password=password)
        server.execute(f"create role \"{self.name}\" login password '{ROLE_PASSWORD}'")
        self.execute(f'revoke all on database "{self.database}" from public')
        self.execute("revoke all on schema public from public")

    def execute(self, *statements: str) -> None:
        """As the owner of the database."""
        for statement in statements:
            self.server.execute(statement, self.database)

    def grant(self, statements: tuple[str, ...]) -> None:
        self.execute(*grants(statements, role=self.name, database=self.database, dataset="posthog"))


@pytest.fixture
def loader(postgres_server: Server, postgres_url: str) -> Loader:
    return Loader(postgres_server, postgres_url)


@pytest.mark.fault("security.grants")
@pytest.mark.fault("warehouse.no_right")
@pytest.mark.parametrize(
    ("statements", "tables"),
    [
        pytest.param(READY_MADE, (), marks=pytest.mark.soak("stories"), id="ready-made schemas"),
        pytest.param(OWN_SCHEMAS, ("cohorts", "event_definitions"), id="own schemas"),
    ],
)
def test_a_role_with_just_these_grants_can_check_and_sync(
    statements: tuple[str, ...], tables: tuple[str, ...], posthog: Sandbox, loader: Loader
) -> None:
    """The rights to all tables are shown in schemas that were ready; in its own the role owns whatever it makes."""
    settings = load(
        {
            "POSTHOG_HOST": posthog.url,
            "POSTHOG_PERSONAL_API_KEY": posthog.key,
            "WAREHOUSE_URL": loader.url,
        }
    )
    loader.grant(statements)
    assert checked(settings).exit_code == 0
    first = sync(settings, Selection(tables=tables, projects=(101,)))
    posthog.advance(2)
    second = sync(settings, Selection(tables=tables, projects=(101,), full=True, accept_deletes=True))
    assert {table.status for table in first.tables} == {"loaded"}, "every table was made and written"
    assert [first.exit_code, second.exit_code] == [0, 0]
    assert all(table.complete for table in second.tables)
    assert sum(table.counts.updated + table.counts.deleted for table in second.tables)
    assert wrong_versions(loader.url) == ""
    assert {row["op"] for each in history(loader.url, "event_definitions").values() for row in each} > {
        "insert"
    }
    assert checked(settings).exit_code == 0


@pytest.mark.fault("security.grants")
@pytest.mark.fault("warehouse.no_right")
@pytest.mark.parametrize("right", ["usage", "create"])
@pytest.mark.parametrize("schema", ["posthog", "posthog__hogsync_staging"])
def test_each_grant_is_needed_and_check_says_how_to_give_it(
    right: str, schema: str, settings: Callable[..., Settings], loader: Loader
) -> None:
    place = settings(WAREHOUSE_URL=loader.url)
    loader.grant(READY_MADE)
    if schema == "posthog__hogsync_staging":  # a first load merges with nothing, so it does without
        assert sync(place, COHORTS).exit_code == 0
        loader.execute("delete from posthog.cohorts where id = (select min(id) from posthog.cohorts)")
    loader.execute(f'revoke {right} on schema {schema} from "{loader.name}"')
    with pytest.raises(WarehouseProblem):
        sync(place, COHORTS)
    report = checked(place)
    assert report.exit_code == 4
    remedy = told(report, "warehouse").rpartition(" run: ")[2].rstrip(".")
    loader.execute(*remedy.split("; "))
    assert checked(place).exit_code == 0
    assert sync(place, COHORTS).exit_code == 0


def test_tables_of_another_role_are_told_before_a_sync_stumbles_over_them(
    check: Callable[..., CheckReport], settings: Callable[..., Settings], loader: Loader, postgres_url: str
) -> None:
    sync(settings(WAREHOUSE_URL=postgres_url), COHORTS)
    loader.grant(READY_MADE)
    loader.execute(f'grant select on all tables in schema posthog to "{loader.name}"')
    report = check(WAREHOUSE_URL=loader.url)
    assert report.exit_code == 4
    assert "belong to the role hogsync" in told(report, "warehouse")


@pytest.mark.fault("warehouse.read_only")
def test_a_server_that_only_reads_is_exit_4(check: Callable[..., CheckReport], loader: Loader) -> None:
    loader.grant(READY_MADE)
    loader.execute(f'alter role "{loader.name}" set default_transaction_read_only = on')
    report = check(WAREHOUSE_URL=loader.url)
    assert report.exit_code == 4
    assert "read-only" in told(report, "warehouse")


@pytest.mark.fault("warehouse.refused", "warehouse.wrong_password", "warehouse.no_such_database")
@pytest.mark.parametrize("trouble", ["a wrong password", "no such database", "nobody listens"])
def test_a_server_that_lets_nobody_in_is_exit_4(
    check: Callable[..., CheckReport], postgres_url: str, trouble: str
) -> None:
    broken = {
        "a wrong password": postgres_url.replace(PASSWORD, "no"),
        "no such database": f"{postgres_url}x",
        "nobody listens": "postgresql://somebody@127.0.0.1:9/x",
    }
    report = check(WAREHOUSE_URL=broken[trouble])
    assert report.exit_code == 4
    assert told(report, "warehouse").count("\n") == 0
