"""Commands over several connections: each in its own dataset, none stopped by another's failure."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.cli.each_connection import words_for
from pipelines.errors import worst
from sources.sandbox import Sandbox
from tests.harness.cli import hogsync
from tests.harness.ended import Ended
from tests.harness.expected import expected
from tests.harness.scene import HASH_KEY
from tests.harness.stored import ask, tables
from tests.pipelines.cli.test_commands import started, until

pytestmark = pytest.mark.duckdb_first

Configured = Callable[..., None]


@pytest.fixture
def configured(
    posthog: Sandbox, other_company: Sandbox, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> Configured:
    """`configured()` writes the settings of two connections, one and two; more lines may follow."""
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("KEY_ONE", posthog.key)
    monkeypatch.setenv("KEY_TWO", other_company.key)

    def configured(more: str = "", host: str = "") -> None:
        Path("hogsync.toml").write_text(
            f"[connections.one]\nhost = '{posthog.url}'\nkey_env = 'KEY_ONE'\n"
            f"[connections.two]\nhost = '{host or other_company.url}'\nkey_env = 'KEY_TWO'\n{more}",
            "utf-8",
        )

    return configured


def cohorts(url: str, dataset: str) -> int:
    return int(ask(url, f"select count(*) from {dataset}.cohorts")[0][0])


def number(posthog: Sandbox) -> int:
    return len(expected(posthog.truth(), HASH_KEY)["cohorts"])


def test_a_sync_reads_every_connection_into_its_own_dataset(
    configured: Configured, posthog: Sandbox, other_company: Sandbox, warehouse_url: str
) -> None:
    configured("[warehouse]\nparallel = 2")
    done = hogsync("sync", "cohorts", "--quiet")
    assert (done.code, done.out) == (0, ""), done
    assert cohorts(warehouse_url, "posthog_one") == number(posthog)
    assert cohorts(warehouse_url, "posthog_two") == number(other_company)
    assert not [*tables(warehouse_url, "posthog")]


@pytest.mark.parametrize("warehouse_url", ["duckdb"], indirect=True)
def test_one_that_fails_stops_no_other_and_decides_the_exit_code(
    configured: Configured, posthog: Sandbox, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(host=posthog.url)
    monkeypatch.setenv("KEY_TWO", "phx_nobody_has_this_key")
    done = hogsync("sync", "cohorts", "--json")
    assert done.code == 3, done
    said = json.loads(done.out)["connections"]
    assert [said["one"]["status"], said["two"]["status"]] == ["ok", "refused"]
    assert cohorts(warehouse_url, "posthog_one") == number(posthog)


@pytest.mark.soak("stories")
@pytest.mark.parametrize("warehouse_url", ["duckdb"], indirect=True)
def test_a_command_can_be_for_one_connection_or_for_those_of_a_group(
    configured: Configured, posthog: Sandbox, warehouse_url: str
) -> None:
    configured("[groups.some]\ntables = ['cohorts']\nconnections = ['one']")
    assert hogsync("sync", "--connection", "two", "organizations", "--quiet").code == 0
    assert hogsync("sync", "--group", "some", "--quiet").code == 0
    assert cohorts(warehouse_url, "posthog_one") == number(posthog)
    assert "posthog_two.cohorts" not in {
        f"posthog_two.{name}" for name, _ in tables(warehouse_url, "posthog_two")
    }
    found = hogsync("diff", "--since", "1d", "--json")
    assert json.loads(found.out)["connections"].keys() == {"one", "two"}


@pytest.mark.parametrize("warehouse_url", ["duckdb"], indirect=True)
def test_what_each_connection_prints_stands_under_its_name(configured: Configured) -> None:
    configured()
    done = hogsync("check")
    assert done.code == 0, done
    assert [line for line in done.out.splitlines() if line.startswith("Connection")] == [
        "Connection one:",
        "Connection two:",
    ]


@pytest.mark.parametrize("warehouse_url", ["duckdb"], indirect=True)
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sync", "--connection", "tow"), "There is no connection tow; did you mean two?"),
        (("sync", "--connection", ""), "There is no connection ''."),
        (("status", "--connection", ""), "There is no connection ''."),
        (("grant", "reader", "--connection", ""), "There is no connection ''."),
        (("sync", "--connection", "", "--sandbox"), "--connection and --sandbox exclude each other"),
        (("sync", "--connection", "one", "--sandbox"), "--connection and --sandbox exclude each other"),
    ],
)
def test_a_connection_that_cannot_be_meant_is_refused(
    configured: Configured, words: tuple[str, ...], said: str
) -> None:
    configured()
    refused: Ended = hogsync(*words)
    assert said in refused.refusal(2)


@pytest.mark.parametrize("warehouse_url", ["duckdb"], indirect=True)
def test_a_sync_of_several_that_is_stopped_tells_in_json_what_came_of_each(
    configured: Configured, other_company: Sandbox
) -> None:
    configured()
    other_company.fault(path="cohorts/", kind="hang", seconds=60)
    before = len(other_company.requests())
    with started("sync", "cohorts", "--json") as process:
        until(lambda: any("/cohorts/" in one["path"] for one in other_company.requests()[before:]))
        process.terminate()
        out, err = process.communicate(timeout=20)
    other_company.clear_faults()
    said = json.loads(out)["connections"]
    assert {name: one["status"] for name, one in said.items()} == {"one": "ok", "two": "interrupted"}
    assert (process.returncode, err.splitlines()[-1]) == (130, "Stopped.")


@pytest.mark.parametrize("warehouse_url", ["duckdb"], indirect=True)
def test_a_killed_sync_of_several_ends_those_that_it_started(
    configured: Configured, other_company: Sandbox, warehouse_url: str
) -> None:
    configured()
    other_company.fault(path="cohorts/", kind="hang", seconds=60)
    before = len(other_company.requests())
    with started("sync", "cohorts") as process:
        until(lambda: any("/cohorts/" in one["path"] for one in other_company.requests()[before:]))
        process.kill()
        process.communicate(timeout=20)  # until those have closed its pipes, too
    other_company.clear_faults()
    assert ask(warehouse_url, "select status from posthog_two._hogsync_runs") == [("interrupted",)]


@pytest.mark.parametrize(
    ("codes", "code"),
    [((0, 0), 0), ((0, 1), 1), ((1, 4), 4), ((4, 3), 3), ((3, 2), 2), ((2, 130), 130), ((0, -9), 1)],
)
def test_the_most_urgent_exit_code_is_that_of_all(codes: tuple[int, ...], code: int) -> None:
    assert worst(codes) == code


def test_the_name_of_a_connection_comes_before_words_that_are_no_options() -> None:
    words = words_for(["--debug", "sync", "--full", "--", "cohorts"], "sync", "eu")
    assert words == ["--debug", "sync", "--connection", "eu", "--full", "--", "cohorts"]
