"""`hogsync query`: what it answers, what it refuses, and that nothing in a warehouse can be changed by it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import pytest
from pyarrow import parquet

from pipelines.errors import UsageError
from pipelines.query.cells import apart, csv_line, markdown_line, written
from pipelines.query.formats import write_answer
from pipelines.query.query import connected
from pipelines.settings import Settings, load
from tests.harness.cli import hogsync

MADE = (
    "create schema posthog",
    "create table posthog.cohorts (id int, name text, count decimal(10, 2), day date)",
    "insert into posthog.cohorts values (1, 'Power users', 2.5, '2026-11-01'), (2, '', null, null)",
    "create sequence posthog.numbers",
)

WHAT_IS_THERE = """
    select (select count(*) from posthog.cohorts), (select is_called from posthog.numbers),
    (select count(*) from pg_class where relname = 'mine'), (select count(*) from pg_largeobject_metadata)
"""


def executed(url: str, *statements: str) -> list[Any]:
    """The rows of the last statement, each in a transaction of its own."""
    if url.startswith("duckdb"):
        with duckdb.connect(url.removeprefix("duckdb:///")) as database:
            for statement in statements:
                database.execute(statement)
            return database.fetchall() if database.description else []
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []


def made(url: str) -> Settings:
    executed(url, *MADE)
    return load({"WAREHOUSE_URL": url})


@pytest.fixture
def both(warehouse_url: str) -> Settings:
    return made(warehouse_url)


@pytest.fixture
def on_duckdb(tmp_path: Path) -> Settings:
    return made(f"duckdb:///{tmp_path}/hogsync.duckdb")


@pytest.fixture(scope="module")
def on_postgres(postgres_server: Any) -> Iterator[Settings]:
    with postgres_server.database("test_query") as url:
        yield made(url)


def answered(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    with connected(settings) as session:
        return [row for batch in session.rows(sql).batches for row in batch]


def refused(settings: Settings, sql: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        answered(settings, sql)
    return caught.value


# -- nothing is changed


@pytest.mark.fault("security.query_writes")
@pytest.mark.parametrize(
    "sql",
    [
        "rollback; delete from cohorts; select 1",
        "commit; delete from cohorts; select 1",
        "select 1; select 2",
        "select 1; begin read write; delete from cohorts",
        "; delete from cohorts",
        "/* ; */ select 1; -- ;\n delete from cohorts",
        "delete from cohorts",
        "delete from cohorts returning id",
        "with gone as (delete from cohorts returning id) select * from gone",
        "explain analyze delete from cohorts",
        "merge into cohorts using (select 1) s on true when matched then delete returning id",
        "set transaction read write",
        "set session characteristics as transaction read write",
        "select set_config('transaction_read_only', 'off', false)",
        "select pg_catalog.\"set_config\"('default_transaction_read_only', 'off', false)",
        "select U&\"set\\005fconfig\"('role', 'none', false)",
        "begin",
        "commit",
        "rollback",
        "prepare transaction 'x'",
        "do $$ begin delete from posthog.cohorts; end $$",
        "call pg_catalog.nothing()",
        "copy cohorts to program 'touch /tmp/hogsync-was-here'",
        "copy cohorts from stdin",
        "copy cohorts to stdout",
        "create table mine as select 1",
        "select * into mine from cohorts",
        "create temp table mine (x int)",
        "select nextval('numbers')",
        "select setval('numbers', 7)",
        "select lo_create(4711)",
        "select lo_from_bytea(4711, 'x')",
        "select lo_export(4711, '/tmp/hogsync-was-here')",
        "select pg_read_file('postgresql.conf')",
        "select pg_notify('a', 'b')",
        "select pg_advisory_lock(1)",
        "select pg_try_advisory_xact_lock(1)",
        "select pg_terminate_backend(pid) from pg_stat_activity",
        "select pg_logical_emit_message(false, 'a', 'b')",
        "select query_to_xml('select pg_' || 'reload_conf()', true, true, '')",
        "select pg_switch_wal()",
        "listen a",
        "lock table cohorts",
        "select * from cohorts for update",
        "prepare mine as select 1",
        "execute mine",
        "deallocate all",
        "discard all",
        "reset all",
        "vacuum",
        "",
        "-- nothing",
    ],
)
def test_nothing_leaves_the_transaction_of_a_query_or_writes_in_it(on_postgres: Settings, sql: str) -> None:
    refused(on_postgres, sql)
    assert executed(on_postgres.warehouse.dsn.get_secret_value(), WHAT_IS_THERE) == [(2, False, 0, 0)]
    assert not Path("/tmp/hogsync-was-here").exists()


def test_what_postgres_lets_a_reading_transaction_make_is_gone_with_it(on_postgres: Settings) -> None:
    answered(on_postgres, "explain analyze create table mine as select 1")
    assert executed(on_postgres.warehouse.dsn.get_secret_value(), WHAT_IS_THERE) == [(2, False, 0, 0)]


@pytest.mark.fault("security.query_writes")
@pytest.mark.parametrize(
    "sql",
    ["select 1; select 2", "select 1; drop table cohorts", "delete from cohorts", "", "-- nothing"],
)
def test_duckdb_takes_one_statement_and_changes_nothing(on_duckdb: Settings, sql: str) -> None:
    refused(on_duckdb, sql)
    assert answered(on_duckdb, "select count(*) from cohorts") == [(2,)]


@pytest.mark.parametrize(
    "sql",
    [
        "select name from cohorts order by id limit 1",
        "select name from cohorts order by id limit 1;",
        "with a as (select 'Power users') select * from a",
        "values ('Power users')",
        "-- a remark\nselect 'Power users' /* ; */ -- ;",
        "select 'Power users' where 'a;b' like '%;%'",
    ],
)
def test_what_reads_is_answered(both: Settings, sql: str) -> None:
    assert answered(both, sql) == [("Power users",)]


@pytest.mark.parametrize(
    "sql",
    ["explain select 1", "explain analyze select * from cohorts", "show server_version", "table cohorts"],
)
def test_postgres_explains_and_shows(on_postgres: Settings, sql: str) -> None:
    assert answered(on_postgres, sql)


def test_an_answer_of_many_batches_is_whole(both: Settings) -> None:
    numbers = "range(2500)" if both.warehouse.kind == "duckdb" else "generate_series(0, 2499)"
    assert answered(both, f"select * from {numbers}") == [(number,) for number in range(2500)]
    assert answered(both, f"select * from {numbers} where 1 = 2") == []


# -- mistakes are shown where they are


def test_a_mistake_is_told_in_whole_with_a_caret_below_it(both: Settings) -> None:
    problem = refused(both, "select id,\n  nam from cohorts c")
    assert "nam" in str(problem)
    line, caret = problem.below.splitlines()[-2:]
    assert line == "LINE 2:   nam from cohorts c"
    assert caret.index("^") == line.index("nam")
    assert "name" in f"{problem} {problem.below}".replace('"nam"', "")


def test_a_mistake_at_the_end_of_a_text_with_a_line_end_is_told(both: Settings) -> None:
    assert "syntax error" in str(refused(both, "select * from\n"))


def test_a_dataset_may_have_the_name_of_a_word_of_sql(warehouse_url: str) -> None:
    executed(warehouse_url, *(statement.replace("posthog", '"order"') for statement in MADE))
    settings = load({"WAREHOUSE_URL": warehouse_url, "HOGSYNC_DATASET": "order"})
    assert answered(settings, "select count(*) from cohorts") == [(2,)]


def test_a_query_reads_one_connection_or_all(warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    Path("hogsync.toml").write_text("[connections.eu]\n[connections.us]\n", "utf-8")
    executed(warehouse_url, "create schema posthog")  # of before the connections
    both = "select n, (select max(n) from posthog_us.cohorts) as us from posthog_eu.cohorts"
    none = hogsync("query", both)
    assert "has no dataset posthog_eu or posthog_us; `hogsync sync` makes it" in none.refusal(2)
    for number, name in enumerate(("eu", "us"), 1):
        executed(warehouse_url, f"create schema posthog_{name}")
        executed(warehouse_url, f"create table posthog_{name}.cohorts as select {number} as n")
    assert hogsync("query", both, "--format", "csv").out == "n,us\n1,2\n"
    one = hogsync("query", "--connection", "us", "select n from cohorts", "--format", "csv")
    assert one.out == "n\n2\n", one
    unqualified = hogsync("query", "select n from cohorts")
    assert (unqualified.code, "cohorts" in unqualified.err) == (2, True), unqualified
    assert "--connection and --sandbox" in hogsync("query", "--sandbox", "--connection", "us", both).refusal(
        2
    )


def test_a_text_of_several_statements_is_told_as_such(both: Settings) -> None:
    assert "answers one statement" in str(refused(both, "select 1; select 2"))


def test_a_value_that_cannot_be_shown_is_a_sentence(on_postgres: Settings) -> None:
    assert "cast its column to text" in str(refused(on_postgres, "select date '0044-03-15 BC'"))


# -- formats


def in_file(settings: Settings, sql: str, name: str, form: str | None = None) -> str:
    with connected(settings) as session:
        write_answer(session, sql, form, Path(name))
    return Path(name).read_text("utf-8")


def test_csv_tells_no_value_from_an_empty_text_and_holds_no_formula(both: Settings) -> None:
    sql = "select id, name, count, '=1+1' as sum, -5 as less from cohorts order by id"
    text = in_file(both, sql, "answer.csv")
    assert text == "id,name,count,sum,less\n1,Power users,2.50,'=1+1,-5\n2,\"\",,'=1+1,-5\n"


def test_json_holds_all_columns_and_json_lines_each_name_once(both: Settings) -> None:
    sql = "select c.id, name as id, day from cohorts c order by c.id"
    assert json.loads(in_file(both, sql, "answer.json")) == {
        "columns": ["id", "id", "day"],
        "rows": [[1, "Power users", "2026-11-01"], [2, "", None]],
    }
    lines = in_file(both, sql, "answer.jsonl").splitlines()
    assert json.loads(lines[0]) == {"id": 1, "id__2": "Power users", "day": "2026-11-01"}


def test_parquet_has_the_types_of_the_database(both: Settings) -> None:
    with connected(both) as session:
        write_answer(session, "select * from cohorts order by id", None, Path("answer.parquet"))
    table = parquet.read_table("answer.parquet")
    kinds = [str(kind) for kind in table.schema.types]
    assert [kinds[0], kinds[2], kinds[3]] == ["int32", "decimal128(10, 2)", "date32[day]"]
    assert table.column("name").to_pylist() == ["Power users", ""]
    assert table.column("count").null_count == 1


@pytest.mark.parametrize(
    ("sql", "kind", "value"),
    [
        ("select array[1, null]", "list<element: int32>", [1, None]),
        ("""select '{"a": [1]}'::jsonb""", "string", '{"a": [1]}'),
        ("select sum(count) from cohorts", "double", 2.5),
        ("select timestamptz '2026-11-01 12:00+02'", "timestamp[us, tz=UTC]", None),
        ("select 'NaN'::numeric(5, 2)", "decimal128(5, 2)", None),
        ("select '\\x00ff'::bytea", "binary", b"\x00\xff"),
        ("select null", "string", None),
    ],
)
def test_types_of_postgres_in_parquet(on_postgres: Settings, sql: str, kind: str, value: object) -> None:
    with connected(on_postgres) as session:
        write_answer(session, sql, None, Path("answer.parquet"))
    table = parquet.read_table("answer.parquet")
    assert [str(one) for one in table.schema.types] == [kind]
    assert value is None or table.columns[0].to_pylist() == [value]


def test_what_parquet_cannot_hold_is_a_sentence_and_the_file_stays(on_duckdb: Settings) -> None:
    Path("answer.parquet").write_text("of yesterday")
    with pytest.raises(UsageError, match="cast the column to text"):
        in_file(on_duckdb, "select interval 1 month", "answer.parquet")
    assert Path("answer.parquet").read_text() == "of yesterday"


def test_a_file_is_replaced_whole_or_stays_as_it_was(both: Settings) -> None:
    Path("answer.csv").write_text("of yesterday")
    with pytest.raises(UsageError):
        in_file(both, "select 1 / (id - 2), cast(name as int) from cohorts", "answer.csv")
    assert Path("answer.csv").read_text() == "of yesterday"
    assert in_file(both, "select 1 as x", "answer.csv") == "x\n1\n"
    assert [path.name for path in Path().glob(".answer*")] == []


def test_only_a_file_is_replaced(on_duckdb: Settings, tmp_path: Path) -> None:
    for out in ("/dev/null", str(tmp_path), f"{tmp_path}/nowhere/answer.csv"):
        with pytest.raises(UsageError, match="--out"):
            in_file(on_duckdb, "select 1", out)
    assert not Path("/dev/null").is_file()


def test_a_table_shows_no_value_as_null_and_an_empty_text_as_nothing(both: Settings) -> None:
    text = in_file(both, "select id, name, count from cohorts order by id", "answer.txt")
    assert [line.split() for line in text.splitlines()] == [
        ["id", "name", "count"],
        ["1", "Power", "users", "2.50"],
        ["2", "NULL"],
        ["(2", "rows)"],
    ]


def test_a_wide_answer_is_shown_record_by_record_on_a_terminal_only(
    on_duckdb: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sql = "select id, repeat('x', 100) as long, null as nothing from cohorts order by id"

    def shown(terminal: bool) -> str:  # noqa: FBT001
        monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
        with connected(on_duckdb) as session:
            write_answer(session, sql, None, None)
        return capsys.readouterr().out

    monkeypatch.setenv("COLUMNS", "60")
    assert "row 2" in shown(terminal=True)
    assert f"1  {'x' * 100}     NULL" in shown(terminal=False)


@pytest.mark.fault("security.markup")
@pytest.mark.parametrize("value", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", 'a"=1', "a,b\nc"])
def test_a_cell_of_csv_is_read_back_as_text_that_begins_with_no_formula(value: str) -> None:
    ((cell,),) = csv.reader(io.StringIO(csv_line([value]), newline=""))
    assert cell.removeprefix("'") == value
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.fault("security.terminal")
def test_no_format_lets_a_terminal_be_commanded(
    on_duckdb: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    for form in ("table", "csv", "json", "jsonl", "markdown"):
        with connected(on_duckdb) as session:
            write_answer(session, 'select chr(27) || chr(155) || chr(7) as "a\x1b[31mb"', form, None)
        assert not set(capsys.readouterr().out) & {"\x1b", "\x9b", "\x07"}, form


@pytest.mark.fault("security.markup")
def test_markdown_holds_no_markup_of_a_value() -> None:
    assert markdown_line(["<b>|\\", None, ""]) == "| &lt;b>\\|\\\\ | NULL |  |"


def test_blanks_of_a_value_are_shown() -> None:
    assert written("  ->  Seq Scan") == "  ->  Seq Scan"


def test_columns_of_one_name_are_kept_apart() -> None:
    assert apart(["a", "a", "a__2", "a"]) == ["a", "a__2", "a__2__2", "a__3"]
