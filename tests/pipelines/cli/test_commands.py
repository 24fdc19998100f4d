"""The command as people run it, with a real PostHog to practise on: exit codes and sentences.

Only what is about the process itself starts one; every other command runs in a fork of one that has started already.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.cli.commands import query_commands
from pipelines.errors import HogsyncError
from pipelines.settings import load
from pipelines.sync.selection import Selection
from pipelines.sync.sync import sync
from sources.posthog.catalogue import ENDPOINTS, tables_of
from sources.posthog.client.retry import RetryPolicy
from sources.sandbox import Sandbox
from tests.harness.cli import hogsync
from tests.harness.ended import LOG_LINE, Ended
from tests.harness.holding import holding

HOGSYNC = Path(sys.executable).with_name("hogsync")
NOBODY = {"POSTHOG_HOST": "http://127.0.0.1:9", "POSTHOG_PERSONAL_API_KEY": "phx_nobodys"}
"""Settings in order, of a PostHog that nobody may ask: nothing listens there."""
HASTY = RetryPolicy(tries=2, backoff=0.01)
HEAVY = {"dlt", "duckdb", "pyarrow", "django", "httpx", "apscheduler"}


def environment(settings: dict[str, str]) -> dict[str, str]:
    return {**os.environ, **settings}


def at(posthog: Sandbox, key: str | None = None, **settings: str) -> dict[str, str]:
    return {"POSTHOG_HOST": posthog.url, "POSTHOG_PERSONAL_API_KEY": key or posthog.key, **settings}


def stored(sql: str, file: str = "hogsync.duckdb") -> list[tuple[Any, ...]]:
    with duckdb.connect(file, read_only=True) as database:
        return database.execute(sql).fetchall()


def alive(posthog: Sandbox, table: str = "cohorts") -> int:
    return len([row for row in posthog.rows(table) if not row.get("deleted")])


def and_then_all_is_right(posthog: Sandbox, **settings: str) -> None:
    """The next good run brings what there is."""
    done = hogsync("sync", "cohorts", "--quiet", **at(posthog, **settings))
    assert done == Ended(0, "", "")
    count = hogsync(
        "query", "select count(*) from cohorts where _deleted_at is null", "--json", **at(posthog, **settings)
    )
    assert json.loads(count.out)["rows"] == [[alive(posthog)]]


# -- what is wrong before anything is asked


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"POSTHOG_PERSONAL_API_KEY": ""}, "No PostHog key is set"),
        ({"POSTHOG_PERSONAL_API_KEY": "phc_projecttoken"}, "is a project token"),
        ({"POSTHOG_PERSONAL_API_KEY": "phx_two words"}, "does not look like a personal API key"),
        ({"POSTHOG_HOST": "us.posthog.com"}, "write https://us.posthog.com"),
        ({"HOGSYNC_LISTS__PAGESIZE": "5"}, "did you mean HOGSYNC_LISTS__PAGE_SIZE?"),
        ({"HOGSYNC_LISTS__PAGE_SIZE": "many"}, "must be a whole number"),
        ({"WAREHOUSE_URL": "duckdb:///posthog.duckdb"}, "rename one of them"),
        ({"WAREHOUSE_URL": "postgresql://u:hunter22@h"}, "names no database"),
        ({"HOGSYNC_CONFIG": "nowhere.toml"}, "HOGSYNC_CONFIG is nowhere.toml, which cannot be read"),
        ({"HOGSYNC_HOME": "o'brien"}, "HOGSYNC_HOME o'brien has an apostrophe in its path"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_exit_2(settings: dict[str, str], said: str) -> None:
    assert said in hogsync("sync", "cohorts", **{**NOBODY, **settings}).refusal(2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sync", "cohort"), "There is no table 'cohort'; did you mean cohorts?"),
        (("sync", "people"), "gathered from the rows of every table"),
        (("sync", "cohorts_history"), "written together with cohorts; name that"),
        (("sync", "subscriptions__recipients"), "written together with subscriptions; name that"),
        (
            ("sync", "access"),
            "access is a subject of several tables; `hogsync sync --group access` syncs them.",
        ),
        (("sync", "tags"), "tags cannot be synced. Only somebody who is logged in may read it"),
        (("sync", "--group", "al"), "(there are all, core, audit, definitions, access, product, "),
        (("sync", "--group", "audi"), "did you mean audit?"),
        (("sync", "cohorts", "--group", "all"), "not both"),
        (("sync", "--project", "x"), "'--project'"),
        (("sync", "--fulll"), "--full"),
        (("sync", "--fulll"), "See `hogsync sync --help`."),
        (("diff", "--sins", "2d"), "See `hogsync diff --help`."),
        (("synk",), "See `hogsync --help`."),
        (("query",), "SQL"),
    ],
)
def test_wrong_words_are_one_sentence_and_exit_2(words: tuple[str, ...], said: str) -> None:
    assert said in hogsync(*words, **NOBODY).refusal(2)


def test_after_wrong_settings_and_words_the_next_run_is_right(posthog: Sandbox) -> None:
    hogsync("sync", "cohort", **at(posthog))
    hogsync("sync", **at(posthog, key="phc_wrong"))
    and_then_all_is_right(posthog)


# -- what is wrong with the warehouse


def test_an_unwritable_warehouse_is_exit_4(posthog: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    url = f"duckdb:///{tmp_path}/file/hogsync.duckdb"
    assert "file/hogsync.duckdb" in hogsync("sync", "cohorts", **at(posthog, WAREHOUSE_URL=url)).refusal(4)
    and_then_all_is_right(posthog)


@pytest.mark.parametrize("words", [("sync", "--sandbox", "cohorts"), ("sandbox",)], ids=" ".join)
def test_a_home_in_which_no_sandbox_can_be_kept_is_exit_2(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    said = hogsync(*words, HOGSYNC_HOME=str(tmp_path / "file")).refusal(2)
    assert said.startswith(f"HOGSYNC_HOME {tmp_path / 'file'} cannot be written: ")


@pytest.mark.fault("warehouse.no_database_file")
def test_a_file_that_is_no_database_is_exit_4_and_stays_as_it_is(posthog: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "hogsync.duckdb").write_text("my notes " * 1000)
    hogsync("sync", "cohorts", **at(posthog)).refusal(4)
    assert (tmp_path / "hogsync.duckdb").read_text() == "my notes " * 1000
    (tmp_path / "hogsync.duckdb").rename(tmp_path / "notes.txt")
    and_then_all_is_right(posthog)


@pytest.mark.fault("security.wrong_password")
@pytest.mark.fault("warehouse.wrong_password")
def test_a_wrong_postgres_password_is_exit_4_and_is_not_repeated(posthog: Sandbox, postgres_url: str) -> None:
    user, _, rest = postgres_url.partition("://")[2].partition("@")
    wrong = f"postgresql://{user.partition(':')[0]}:hunter22@{rest}"
    for words in (("sync", "cohorts"), ("query", "select 1")):
        assert "password authentication failed" in hogsync(
            *words, **at(posthog, WAREHOUSE_URL=wrong)
        ).refusal(4)
    and_then_all_is_right(posthog, WAREHOUSE_URL=postgres_url)


def test_a_dataset_of_another_origin_is_refused_with_the_remedy(
    posthog: Sandbox, other_company: Sandbox
) -> None:
    and_then_all_is_right(posthog)
    said = hogsync("sync", "cohorts", **at(other_company)).refusal(2)
    assert posthog.url in said
    assert "HOGSYNC_DATASET" in said
    and_then_all_is_right(posthog)


@pytest.mark.fault("warehouse.file_held_by_writer")
@pytest.mark.parametrize("words", [("sync", "cohorts"), ("query", "select 1")])
def test_a_file_that_another_process_holds_is_waited_for_then_exit_4_names_the_holder(
    posthog: Sandbox, words: tuple[str, ...]
) -> None:
    and_then_all_is_right(posthog)
    with holding("hogsync.duckdb") as pid:
        begun = time.monotonic()
        said = hogsync(*words, **at(posthog, HOGSYNC_WAREHOUSE__WAIT="2"))
        assert 2 <= time.monotonic() - begun < 20
    assert said.code == 4
    assert str(pid) in said.sentences[-1]
    assert "Traceback" not in said.err
    and_then_all_is_right(posthog)


@pytest.mark.soak("stories")
@pytest.mark.fault("warehouse.file_held_by_writer")
def test_a_file_that_is_given_back_in_time_is_no_trouble(posthog: Sandbox) -> None:
    and_then_all_is_right(posthog)
    with holding("hogsync.duckdb"):
        process = subprocess.Popen([HOGSYNC, "sync", "cohorts", "--quiet"], env=environment(at(posthog)))
        time.sleep(3)
        assert process.poll() is None
    assert process.wait(30) == 0


# -- what is wrong with the host or the key


@contextmanager
def another_service(status: int) -> Iterator[str]:
    """A web server that is no PostHog: HTML with this status for everything."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<html><title>Welcome</title><body>someone@example.com</body></html>")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def patiently_refused(posthog: Sandbox, url: str) -> HogsyncError:
    """With what a sync ends that asks here, and again, but not for the half minute that the command takes."""
    with pytest.raises(HogsyncError) as caught:
        sync(load({**at(posthog), "POSTHOG_HOST": url}), Selection(tables=("cohorts",)), retry=HASTY)
    return caught.value


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.fault("transport.no_posthog")
def test_a_host_that_is_no_posthog_is_exit_2(posthog: Sandbox, status: int) -> None:
    with another_service(status) as url:
        refused = patiently_refused(posthog, url)
    assert refused.exit_code == 2
    assert "POSTHOG_HOST" in str(refused)
    assert "someone@" not in str(refused)
    and_then_all_is_right(posthog)


@pytest.mark.fault("transport.refused")
def test_a_host_where_nobody_listens_is_exit_1_and_names_it(posthog: Sandbox) -> None:
    with another_service(200) as url:
        pass
    refused = patiently_refused(posthog, url)
    assert refused.exit_code == 1
    assert url in str(refused)
    assert "Check POSTHOG_HOST" in str(refused)
    and_then_all_is_right(posthog)


def test_a_key_of_another_region_is_exit_3_and_its_host_claims_nothing(
    posthog: Sandbox, other_company: Sandbox
) -> None:
    said = hogsync("sync", "cohorts", **at(other_company, posthog.key + "0")).refusal(3)
    assert "region" in said
    assert stored("select status from posthog._hogsync_runs") == [("refused",)]
    and_then_all_is_right(posthog)


def test_a_key_without_a_scope_leaves_that_table_out_and_says_which(posthog: Sandbox) -> None:
    key = posthog.new_key("no-cohorts", scopes=["organization:read", "project:read", "group:read"])
    done = hogsync("sync", "cohorts", "group_types", **at(posthog, key))
    assert done.code == 0
    assert "The key lacks the scope cohort:read" in done.out
    assert done.out.splitlines()[-1].startswith("Done, 1 of 4 tables not available (cohorts)")
    and_then_all_is_right(posthog)


def test_a_key_that_may_read_nothing_of_the_selection_is_exit_3(posthog: Sandbox) -> None:
    key = posthog.new_key("nothing", scopes=["insight:read"])
    done = hogsync("sync", "cohorts", "--json", **at(posthog, key))
    assert done.code == 3
    assert json.loads(done.out)["status"] == "refused"
    and_then_all_is_right(posthog)


def test_a_key_of_one_project_brings_that_project(posthog: Sandbox) -> None:
    rows = posthog.rows("cohorts")
    project = rows[0]["_parents"]["project_id"]
    key = posthog.new_key("one-project", scoped_teams=[project])
    done = hogsync("sync", "cohorts", **at(posthog, key))
    assert done.code == 0, done
    assert stored("select distinct project_id from posthog.cohorts") == [(project,)]
    and_then_all_is_right(posthog)


def test_a_plan_that_lacks_a_list_is_told_and_the_others_come(posthog: Sandbox) -> None:
    posthog.gate("cohorts", 402)
    done = hogsync("sync", "cohorts", "group_types", **at(posthog))
    assert done.code == 0
    assert "not available" in done.out
    assert "402" in done.out
    posthog.clear_gates()
    and_then_all_is_right(posthog)


def test_an_empty_organization_is_a_good_run(posthog: Sandbox) -> None:
    posthog.clear("projects")
    done = hogsync("sync", "cohorts", **at(posthog))
    assert done.code == 0, done
    assert stored("select count(*) from posthog.cohorts") == [(0,)]


# -- being stopped


def started(*words: str, program: str | Path = HOGSYNC, **settings: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([program, *words], env=environment(settings), stdout=pipe, stderr=pipe, text=True)


def until(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.fault("process.interrupted_reading")
@pytest.mark.parametrize(("kind", "number"), [("hang", signal.SIGINT), ("slow", signal.SIGTERM)])
def test_ctrl_c_and_sigterm_end_a_sync_within_10_s_and_it_is_recorded(
    posthog: Sandbox, kind: str, number: signal.Signals
) -> None:
    posthog.fault(path="cohorts/", kind=kind, seconds=60)
    process = started("sync", "cohorts", **at(posthog))
    until(lambda: any("/cohorts/" in one["path"] for one in posthog.requests()))
    begun = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - begun < 10
    said = Ended(process.returncode, out, err).refusal(130)
    assert "the next sync goes on from there" in said
    assert out == ""
    assert stored("select status from posthog._hogsync_runs") == [("interrupted",)]
    posthog.clear_faults()
    and_then_all_is_right(posthog)


def test_an_interrupted_sync_tells_its_recorded_id_in_json(posthog: Sandbox) -> None:
    posthog.fault(path="cohorts/", kind="hang", seconds=60)
    process = started("sync", "cohorts", "--json", **at(posthog))
    until(lambda: any("/projects/" in one["path"] for one in posthog.requests()))
    process.send_signal(signal.SIGINT)
    told = json.loads(process.communicate(timeout=20)[0])
    assert (told["status"], told["tables"]) == ("interrupted", [])
    assert stored("select run_id, error from posthog._hogsync_runs") == [(told["run_id"], told["error"])]


@pytest.mark.fault("process.interrupted_early")
@pytest.mark.parametrize("imported", ["pipelines.cli", "typer", "pipelines.settings", "httpx", "dlt"])
def test_ctrl_c_is_no_traceback_while_the_command_is_being_imported(posthog: Sandbox, imported: str) -> None:
    """Python names each import when it is done; before hogsync's own first line, Ctrl-C is answered by Python."""
    with started("sync", "cohorts", PYTHONPROFILEIMPORTTIME="1", **at(posthog)) as process:
        assert process.stderr
        assert any(line.split()[-1] == imported for line in process.stderr)
        process.send_signal(signal.SIGINT)
        err = [line for line in process.stderr if not line.startswith("import time:")]
    assert process.returncode == 130
    assert [line.partition(".")[0] for line in err] == ["Stopped"]


@pytest.mark.soak("stories")
@pytest.mark.fault("process.interrupted_early")
def test_a_command_that_waits_for_its_turn_can_be_stopped(posthog: Sandbox) -> None:
    and_then_all_is_right(posthog)
    with holding("hogsync.duckdb"):
        process = started("sync", "cohorts", **at(posthog))
        time.sleep(2.5)
        process.send_signal(signal.SIGTERM)
        err = process.communicate(timeout=10)[1]
    assert process.returncode == 130
    assert "Traceback" not in err


STUCK = """
import ctypes, os, signal, sys, time
from pipelines import signals
signals.GRACE = float(sys.argv[1])
signals.listen()
with signals.interruptible(lambda: time.sleep(60)):
    print("up", flush=True)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        ctypes.CDLL(None).sleep(60); ctypes.CDLL(None).sleep(60); ctypes.CDLL(None).sleep(60)
    except KeyboardInterrupt:
        while True:
            try: time.sleep(60)
            except KeyboardInterrupt: pass
"""


@pytest.mark.fault("process.interrupted_twice")
@pytest.mark.parametrize(("grace", "signals"), [("1", 1), ("60", 2)])
def test_what_does_not_listen_is_ended_after_its_grace_or_by_a_second_signal(
    grace: str, signals: int
) -> None:
    command = [sys.executable, "-c", STUCK, grace]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        for _ in range(signals):
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert process.stderr
        assert process.stderr.read().startswith("Stopped at once.")


# -- what is said when all is well


def test_json_is_one_object_that_equals_the_run_records(posthog: Sandbox) -> None:
    posthog.clear_requests()
    done = hogsync("sync", "cohorts", "--json", **at(posthog))
    told = json.loads(done.out)
    promised = ["run_id", "status", "started_at", "finished_at", "requests", "warnings", "tables"]
    assert list(told) == [*promised, "trigger", "version", "dry_run"]
    assert (told["trigger"], told["dry_run"], told["warnings"]) == ("manual", False, [])
    assert [one["table"] for one in told["tables"]] == ["organizations", "projects", "cohorts", "people"]
    assert told["requests"] == len(posthog.requests())
    for one in told["tables"]:
        columns = ", ".join(list(one)[1:])
        record = f"select {columns} from posthog._hogsync_run_tables where table_name = '{one['table']}'"
        assert stored(record) == [tuple(one.values())[1:]]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", told["started_at"])
    assert all(LOG_LINE.match(line) for line in done.err.splitlines())


def test_the_end_of_a_sync_is_a_table_and_a_last_line_that_sums_up(posthog: Sandbox) -> None:
    first, second = (hogsync("sync", "cohorts", **at(posthog)) for _ in range(2))
    assert re.search(rf"^cohorts +loaded +{alive(posthog)} +{alive(posthog)} +· +·$", first.out, re.MULTILINE)
    assert re.search(rf"^cohorts +unchanged +{alive(posthog)} +· +· +·$", second.out, re.MULTILINE)
    assert second.out.splitlines()[-1].startswith("Done: 3 tables and people;")
    assert " 0 new, 0 changed, 0 gone" in second.out.splitlines()[-1]
    assert len(first.err.splitlines()) == 4


def test_a_failed_list_is_exit_1_and_every_account_agrees(posthog: Sandbox) -> None:
    posthog.fault(path="projects/101/cohorts/", kind="status", status=400)
    shown = hogsync("sync", "cohorts", "group_types", **at(posthog))
    told = hogsync("sync", "cohorts", "group_types", "--json", **at(posthog))
    quiet = hogsync("sync", "cohorts", "group_types", "--quiet", **at(posthog))
    assert (shown.code, told.code, quiet.code) == (1, 1, 1)
    assert shown.out.splitlines()[-1].startswith("Partly done: 1 of 4 tables failed (cohorts);")
    assert json.loads(told.out)["status"] == "partial"
    assert quiet.sentences == [quiet.err.splitlines()[-1]]
    assert quiet.out == ""
    assert stored("select distinct status from posthog._hogsync_runs") == [("partial",)]
    posthog.clear_faults()
    and_then_all_is_right(posthog)


def test_a_dry_run_writes_nothing(posthog: Sandbox) -> None:
    done = hogsync("sync", "cohorts", "--dry-run", **at(posthog))
    assert done.code == 0
    assert "nothing was written; a sync would bring" in done.out
    assert not Path("hogsync.duckdb").exists() or "posthog" not in dict(
        stored("select schema_name, 1 from duckdb_schemas()")
    )


def test_a_group_is_its_tables(posthog: Sandbox) -> None:
    Path("hogsync.toml").write_text('[groups.daily]\ntables = ["group_types"]\n')
    done = hogsync("sync", "--group", "daily", "--json", **at(posthog))
    assert "group_types" in done.out
    assert "cohorts" not in done.out


def test_a_group_of_the_catalogue_is_its_tables_unless_the_settings_have_one_of_that_name(
    posthog: Sandbox,
) -> None:
    done = hogsync("sync", "--group", "audit", "--json", **at(posthog))
    read = {one["table"] for one in json.loads(done.out)["tables"]}
    assert read == {"organizations", "projects", "people", *tables_of("audit")}
    Path("hogsync.toml").write_text('[groups.audit]\ntables = ["group_types"]\n')
    assert (
        "organization_activity_logs" not in hogsync("sync", "--group", "audit", "--json", **at(posthog)).out
    )


def test_sync_of_the_sandbox_needs_nothing_and_can_be_asked() -> None:
    assert hogsync("sync", "cohorts", "--sandbox").code == 0
    asked = hogsync("query", "select name from projects order by name", "--sandbox", "--json")
    assert len(json.loads(asked.out)["rows"]) > 1
    assert not Path("hogsync.duckdb").exists()


@pytest.mark.soak("stories")
def test_the_company_of_the_sandbox_lives_on_between_syncs() -> None:
    assert hogsync("sync", "cohorts", "--sandbox").code == 0
    assert hogsync("sandbox", "--day", "--port", "0").code == 0
    again = hogsync("sync", "cohorts", "--sandbox", "--json")
    counts = next(one for one in json.loads(again.out)["tables"] if one["table"] == "cohorts")
    assert counts["inserted"] > 0
    assert counts["updated"] > 0
    told = json.loads(hogsync("diff", "cohorts", "--since", "1h", "--sandbox", "--json").out)
    assert told["tables"]


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--port", "70000", "Invalid value for '--port'"),
        ("--port", "-1", "Invalid value for '--port'"),
        ("--size", "huge", "give small, medium or a whole number from 1"),
        ("--size", "0", "give small, medium or a whole number from 1"),
    ],
)
def test_a_port_or_a_size_that_cannot_be_is_a_sentence_and_exit_2(option: str, value: str, said: str) -> None:
    assert said in hogsync("sandbox", option, value).refusal(2)


def test_a_company_that_is_fixed_does_not_move_on() -> None:
    assert "exclude each other" in hogsync("sandbox", "--day", "--now", "2026-11-01").refusal(2)
    assert "must be a date" in hogsync("sandbox", "--now", "then").refusal(2)


def test_the_sandbox_runs_until_it_is_told_to_stop() -> None:
    with started("sandbox", "--port", "0") as process:
        assert process.stdout
        url = process.stdout.readline().split(" at ")[1].split()[0]
        lines = [process.stdout.readline() for _ in range(3)]
        assert lines[1] == f"export POSTHOG_HOST={url}\n"
        key = lines[2].partition("=")[2].strip()
        assert hogsync("sync", "group_types", POSTHOG_HOST=url, POSTHOG_PERSONAL_API_KEY=key).code == 0
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


# -- query


@pytest.fixture
def filled(posthog: Sandbox, warehouse_url: str) -> dict[str, str]:
    settings = at(posthog, WAREHOUSE_URL=warehouse_url)
    assert hogsync("sync", "cohorts", "--quiet", **settings).code == 0
    return settings


@pytest.mark.soak("stories")
def test_a_query_finds_tables_without_naming_the_dataset(posthog: Sandbox, filled: dict[str, str]) -> None:
    shown = hogsync("query", "select name, created_at, filters from cohorts order by name", **filled)
    assert shown.code == 0
    assert shown.out.splitlines()[-1] == f"({alive(posthog)} rows)"
    told = hogsync("query", "select id, created_at, filters from cohorts limit 1", "--json", **filled)
    identifier, created, filters = json.loads(told.out)["rows"][0]
    assert isinstance(identifier, int)
    assert created is None or created.endswith("Z")
    assert filters is None or isinstance(filters, dict)


@pytest.mark.fault("security.query_writes")
def test_a_query_cannot_write_and_its_mistakes_are_told_and_exit_2(
    posthog: Sandbox, filled: dict[str, str]
) -> None:
    for sql in (
        "delete from cohorts",
        "create table mine (x int)",
        "drop table cohorts",
        "rollback; delete from cohorts; select 1",
        "selec 1",
        "select * from nothing",
    ):
        done = hogsync("query", sql, **filled)
        assert (done.code, done.out, "Traceback" in done.err) == (2, "", False), sql
    rest = hogsync("query", "select count(*) from cohorts", "--json", **filled)
    assert json.loads(rest.out)["rows"] == [[alive(posthog)]]


@pytest.mark.soak("stories")
@pytest.mark.fault("security.query_writes")
@pytest.mark.parametrize(
    "sql", ["copy cohorts to 'out.csv'", "attach 'other.duckdb' as o; create table o.t as select 1"]
)
def test_a_query_writes_no_other_file_either(posthog: Sandbox, sql: str) -> None:
    assert hogsync("sync", "cohorts", "--quiet", **at(posthog)).code == 0
    hogsync("query", sql, **at(posthog)).refusal(2)
    assert not Path("out.csv").exists()
    assert not Path("other.duckdb").exists()


def test_a_query_before_the_first_sync_says_what_to_do(posthog: Sandbox) -> None:
    assert "`hogsync sync` makes it" in hogsync("query", "select 1", **at(posthog)).refusal(4)
    for words in (("query", "select 1"), ("diff", "--since", "1d")):
        assert "`hogsync sync --sandbox` makes it" in hogsync(*words, "--sandbox", **NOBODY).refusal(4)


@pytest.mark.fault("security.terminal")
def test_what_posthog_calls_things_cannot_command_a_terminal(posthog: Sandbox) -> None:
    assert hogsync("sync", "cohorts", "--quiet", **at(posthog)).code == 0
    done = hogsync(
        "query", "select chr(27) || '[2Jboo' as x, chr(7) as y from cohorts limit 1", **at(posthog)
    )
    assert "[2Jboo" in done.out
    assert "\x1b" not in done.out
    assert "\x07" not in done.out


# -- the start, and mishaps of our own


@pytest.mark.parametrize(
    "words", [["--help"], ["sync", "--help"], ["tables"], ["tables", "--json"], ["--version"]]
)
def test_the_start_is_light(words: list[str]) -> None:
    program = (
        "import atexit, sys\nfrom hogsync import main\nsys.argv[0] = 'hogsync'\n"
        "told = lambda: print('\\nIMPORTED', *{name.partition('.')[0] for name in sys.modules})\n"
        "atexit.register(told)\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    imported = set(done.stdout.partition("IMPORTED")[2].split())
    assert imported & HEAVY == set()


def test_tables_lists_every_table_with_its_key_and_meaning() -> None:
    told = json.loads(hogsync("tables", "--json").out)["tables"]
    assert {"table": "cohorts", "key": ["project_id", "id"], "plan": "snapshot"}.items() <= next(
        one for one in told if one["table"] == "cohorts"
    ).items()
    assert next(one for one in told if one["table"] == "cohorts")["derived"] == [
        "cohorts_history",
        "cohort_sizes",
    ]
    *shown, between, last = hogsync("tables").out.splitlines()
    assert (len(shown), between) == (len(told) + 1, "")
    assert "<table>_history" in last
    assert "cohort_sizes" in last


def test_on_a_narrow_terminal_the_tables_have_their_names_and_the_room_for_their_meanings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")
    assert query_commands.tables() == 0
    heading, *lines = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out).splitlines()
    assert heading.split() == ["table", "default", "meaning"]
    assert ENDPOINTS.keys() <= {line.split(" ")[0] for line in lines}
    assert next(line for line in lines if line.startswith("environments ")).split()[1:3] == ["no", "PostHog"]
    assert len(lines) < 300


def test_no_command_is_a_sentence_and_exit_2() -> None:
    assert "hogsync --help" in hogsync().refusal(2)


def test_the_version_is_the_packages() -> None:
    assert re.fullmatch(r"hogsync \d+\.\d+\.\d+\n", hogsync("--version").out)


@pytest.mark.parametrize("words", [["tables"], ["--help"], ["tables", "--json"]])
def test_a_pipe_that_nobody_reads_is_silent(words: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([HOGSYNC, *words], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.fault("security.logs")
def test_a_bug_is_a_sentence_and_its_traceback_is_there_for_who_asks(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "duckdb.py").write_text("raise ZeroDivisionError('phx_abcdefgh of a@b.de')")
    (tmp_path / "hogsync.duckdb").touch()

    def ended(*words: str) -> Ended:
        with started(*words, "query", "select 1", PYTHONPATH=str(tmp_path / "broken")) as process:
            out, err = process.communicate()
        return Ended(process.returncode, out, err)

    assert "ZeroDivisionError: this is a bug in hogsync" in ended().refusal(1)
    shown = ended("--debug")
    assert "Traceback" in shown.err
    assert "phx_" not in shown.err
    assert "a@b.de" not in shown.err


def test_with_json_an_error_is_an_object_too(posthog: Sandbox) -> None:
    told = json.loads(hogsync("sync", "cohort", "--json", **at(posthog)).out)
    assert (told["status"], told["tables"], told["requests"]) == ("failed", [], 0)
    assert (told["run_id"], told["warnings"], told["trigger"], told["dry_run"]) == (None, [], "manual", False)
    told_of_backfill = json.loads(hogsync("backfill", "cohort", "--from", "2026-11-01", "--json").out)
    assert (told_of_backfill["trigger"], told_of_backfill["status"]) == ("backfill", "failed")
    assert "did you mean cohorts?" in told["error"]
    assert "error" in json.loads(hogsync("query", "selec", "--json").out)


def test_check_answers_on_the_command_line(posthog: Sandbox) -> None:
    assert hogsync("check", **at(posthog)).code == 0
    assert json.loads(hogsync("check", "--json", **at(posthog)).out)


@pytest.mark.fault("process.disk_full_output")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux's")
@pytest.mark.parametrize("words", [["tables"], ["--help"], ["sync", "cohort", "--json"]])
def test_an_answer_that_cannot_be_written_is_a_sentence(posthog: Sandbox, words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [HOGSYNC, *words], env=environment(at(posthog)), stdout=full, stderr=subprocess.PIPE, text=True
        )
    Ended(done.returncode, "", done.stderr).refusal(2)


@pytest.mark.skipif(os.name != "posix", reason="a shell closes them so")
@pytest.mark.parametrize(
    "closed",
    [">&- 2>&- <&-", *(pytest.param(one, marks=pytest.mark.soak("stories")) for one in (">&-", "2>&-"))],
)
def test_what_the_shell_has_closed_is_written_nowhere_and_costs_nothing(
    posthog: Sandbox, closed: str
) -> None:
    for words in ("tables --json", "sync cohorts"):
        done = subprocess.run(
            ["sh", "-c", f"{shlex.quote(str(HOGSYNC))} {words} {closed}"],
            env=environment(at(posthog)),
            capture_output=True,
            text=True,
        )
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), words
    assert stored("select count(*) from posthog.cohorts where _deleted_at is null") == [(alive(posthog),)]
