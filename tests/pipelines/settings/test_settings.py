"""What can be set, where it is read, and that every mistake is one clear sentence."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pydantic
import pytest

from pipelines.errors import HogsyncError, Interrupted, KeyProblem, UsageError, WarehouseProblem
from pipelines.settings import SETTINGS, Settings, example, load

ROOT = Path(__file__).parents[3]
KEY = "phx_0123456789abcdef"
SECRET = "a-long-and-random-secret"
Refusal = Callable[..., str]


def in_toml(text: str) -> None:
    Path("hogsync.toml").write_text(text, "utf-8")


# --- where settings come from


def test_without_any_setting_the_defaults_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOGSYNC_HOME")
    settings = load()
    assert settings.origin == settings.origin_name == "https://us.posthog.com"
    assert settings.warehouse.kind == "duckdb"
    assert settings.warehouse.path == Path("hogsync.duckdb")
    assert settings.dataset == "posthog"
    assert settings.home == Path(".hogsync")
    assert settings.wait == 60
    assert settings.lists.full_every == timedelta(days=1)
    privacy = settings.privacy
    assert (privacy.person, privacy.recipient, privacy.text, privacy.customer) == (
        "keep",
        "hash",
        "keep",
        "drop",
    )


def test_without_groups_everything_is_synced_hourly() -> None:
    (name, group), *others = load().groups.items()
    assert (name, group.crontab, group.tables, others) == ("all", "0 * * * *", (), [])


def test_overrides_win_over_environment_over_dot_env_over_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    in_toml("[privacy]\nperson = 'hash'\nrecipient = 'keep'\ntext = 'hash'\ncustomer = 'hash'")
    Path(".env").write_text(
        "HOGSYNC_PRIVACY__PERSON=drop\nHOGSYNC_PRIVACY__RECIPIENT=drop\nHOGSYNC_PRIVACY__TEXT=drop\n", "utf-8"
    )
    monkeypatch.setenv("HOGSYNC_PRIVACY__PERSON", "keep")
    monkeypatch.setenv("HOGSYNC_PRIVACY__RECIPIENT", "hash")
    privacy = load({"HOGSYNC_PRIVACY": {"person": "hash"}}).privacy
    assert (privacy.person, privacy.recipient, privacy.text, privacy.customer) == (
        "hash",
        "hash",
        "drop",
        "hash",
    )


def test_every_key_of_the_toml_file_can_be_set_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOGSYNC_SELECTION__TABLES")
    in_toml("""
        [selection]
        tables = ["users", "cohorts"]
        [groups.fast]
        crontab = "*/10 * * * *"
        tables = ["comments"]
        timezone = "Europe/Berlin"
        connections = ["fast"]
        timeout = "2h"
        jitter = "5m"
        retries = 1
        [connections.fast]
        host = "https://eu.posthog.com"
        key_env = "EU_KEY"
        dataset = "europe"
        projects = [3, 4]
        rate = { per_minute = 10, per_hour = 20 }
        [projects]
        only = [1, 2]
        [privacy]
        person = "hash"
        recipient = "drop"
        text = "hash"
        customer = "keep"
        columns = { "comments.content" = "drop" }
        [rate]
        per_minute = 100
        per_hour = 1000
        [lists]
        page_size = 500
        page_megabytes = 64
        in_flight = 4
        ahead = 2
        full_every = "12h"
        full_every_of = { comments = "2w" }
        sweep_every = "6h"
        announcements = "always"
        resume_within = "2h"
        new_columns = 20
        [history]
        enabled = false
        without = ["cohorts"]
        [log]
        format = "json"
        level = "debug"
        [service]
        ping = "https://hc-ping.com/x"
        listen = "127.0.0.1:9464"
        [sync]
        strict = true
        [alerts]
        urls = ["json://here/a", "json://here/b"]
        quiet = "22:00-07:00"
        timezone = "Europe/Berlin"
        [watch.fast]
        sql = "select 1"
        when = "changed"
        title = "One"
        show = true
        [warehouse]
        wait = 5
        parallel = 4
        storage_version = "v1.4.0"
        [publish]
        path = "read.duckdb"
        without = ["people"]
        parquet = true
    """)
    by_file = load()
    Path("hogsync.toml").unlink()
    variables = {
        "SELECTION__TABLES": "users, cohorts",
        "GROUPS__FAST__CRONTAB": "*/10 * * * *",
        "GROUPS__FAST__TABLES": '["comments"]',
        "GROUPS__FAST__TIMEZONE": "Europe/Berlin",
        "GROUPS__FAST__CONNECTIONS": "fast",
        "GROUPS__FAST__TIMEOUT": "2h",
        "GROUPS__FAST__JITTER": "5m",
        "GROUPS__FAST__RETRIES": "1",
        "CONNECTIONS__FAST__HOST": "https://eu.posthog.com",
        "CONNECTIONS__FAST__KEY_ENV": "EU_KEY",
        "CONNECTIONS__FAST__DATASET": "europe",
        "CONNECTIONS__FAST__PROJECTS": "3,4",
        "CONNECTIONS__FAST__RATE__PER_MINUTE": "10",
        "CONNECTIONS__FAST__RATE__PER_HOUR": "20",
        "PROJECTS__ONLY": "1,2",
        "PRIVACY__PERSON": "hash",
        "PRIVACY__RECIPIENT": "drop",
        "PRIVACY__TEXT": "hash",
        "PRIVACY__CUSTOMER": "keep",
        "PRIVACY__COLUMNS": "comments.content = drop",
        "RATE__PER_MINUTE": "100",
        "RATE__PER_HOUR": "1000",
        "LISTS__PAGE_SIZE": "500",
        "LISTS__PAGE_MEGABYTES": "64",
        "LISTS__IN_FLIGHT": "4",
        "LISTS__AHEAD": "2",
        "LISTS__FULL_EVERY": "12h",
        "LISTS__FULL_EVERY_OF": "comments = 2w",
        "LISTS__SWEEP_EVERY": "6h",
        "LISTS__ANNOUNCEMENTS": "always",
        "LISTS__RESUME_WITHIN": "2h",
        "LISTS__NEW_COLUMNS": "20",
        "HISTORY__ENABLED": "false",
        "HISTORY__WITHOUT": "cohorts",
        "LOG__FORMAT": "json",
        "LOG__LEVEL": "debug",
        "SERVICE__LISTEN": "127.0.0.1:9464",
        "SYNC__STRICT": "1",
        "ALERTS__URLS": "json://here/a, json://here/b",
        "ALERTS__QUIET": "22:00-07:00",
        "ALERTS__TIMEZONE": "Europe/Berlin",
        "WATCH__FAST__SQL": "select 1",
        "WATCH__FAST__WHEN": "changed",
        "WATCH__FAST__TITLE": "One",
        "WATCH__FAST__SHOW": "true",
        "SERVICE__PING": "https://hc-ping.com/x",
        "WAREHOUSE__WAIT": "5",
        "WAREHOUSE__PARALLEL": "4",
        "WAREHOUSE__STORAGE_VERSION": "v1.4.0",
        "PUBLISH__PATH": "read.duckdb",
        "PUBLISH__WITHOUT": "people",
        "PUBLISH__PARQUET": "true",
    }
    for name, value in variables.items():
        monkeypatch.setenv(f"HOGSYNC_{name}", value)
    instead = {"HOGSYNC_CONNECTIONS__FAST__KEY_FILE"}  # of KEY_ENV
    assert {entry.name.replace("NAME", "FAST") for entry in SETTINGS if entry.toml} - instead == {
        f"HOGSYNC_{name}" for name in variables
    }
    assert load() == by_file
    assert by_file.groups["fast"].tables == ("comments",)
    assert by_file.lists.full_every == timedelta(hours=12)


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POSTHOG_PERSONAL_API_KEY", "POSTHOG_HOST", "HOGSYNC_DATASET", "HOGSYNC_RATE__PER_HOUR"):
        monkeypatch.setenv(name, "")
    settings = load()
    assert (settings.key, settings.dataset, settings.rate.per_hour) == (None, "posthog", None)


def test_other_programs_variables_are_no_business_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("POSTGRES_PASSWORD=x\nPOSTHOG_PROJECT_TOKEN=phc_x\n", "utf-8")
    kubernetes = (
        "HOGSYNC_SERVICE_HOST",
        "HOGSYNC_PORT",
        "HOGSYNC_PORT_80_TCP_ADDR",
        "HOGSYNC_UI_SERVICE_PORT_WEB",
    )
    for name in (*kubernetes, "HOGSYNC_TEST_PG_MAJOR"):
        monkeypatch.setenv(name, "1")
    assert load().dataset == "posthog"


def test_files_saved_with_a_byte_order_mark_are_read() -> None:
    Path(".env").write_text("HOGSYNC_DATASET=other\n", "utf-8-sig")
    Path("hogsync.toml").write_text("[warehouse]\nwait = 7\n", "utf-8-sig")
    assert (load().dataset, load().wait) == ("other", 7)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(pydantic.ValidationError):
        load().dataset = "other"


# --- secrets


def everything_secret(monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("POSTHOG_PERSONAL_API_KEY", KEY)
    monkeypatch.setenv("HOGSYNC_HASH_KEY", SECRET)
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://hog:hunter2@db/wh")
    return load()


@pytest.mark.fault("security.printed_settings")
def test_settings_are_safe_to_print_and_to_dump(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = everything_secret(monkeypatch)
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert settings.secrets == (KEY, SECRET, "hunter2")
    assert not [secret for secret in settings.secrets if secret in shown]


@pytest.mark.fault("security.printed_settings")
@pytest.mark.parametrize(
    "value", [KEY, "postgresql://hog:hunter2@db/wh", f"postgresql://hog:hunter2{'x' * 60}@db/wh"]
)
def test_a_secret_in_the_wrong_setting_is_not_repeated(refusal: Refusal, value: str) -> None:
    sentence = refusal(HOGSYNC_PRIVACY__TEXT=value)
    assert KEY not in sentence
    assert "hunter2" not in sentence


def test_urls_of_notifiers_and_pings_are_secrets(monkeypatch: pytest.MonkeyPatch, refusal: Refusal) -> None:
    monkeypatch.setenv("HOGSYNC_ALERTS__URLS", f"slack://{SECRET}/1/2, json://here/{SECRET}")
    monkeypatch.setenv("HOGSYNC_SERVICE__PING", f"https://hc-ping.com/{SECRET}")
    settings = load()
    assert SECRET not in repr(settings)
    assert all(
        any(SECRET in secret for secret in settings.secrets if secret.startswith(scheme))
        for scheme in ("slack", "json", "https")
    )
    assert SECRET not in refusal(HOGSYNC_SERVICE__PING=SECRET)


# --- the sandbox


def test_for_the_sandbox_there_is_a_file_of_its_own_and_one_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOGSYNC_PROJECTS__ONLY", "12")
    monkeypatch.setenv("HOGSYNC_PRIVACY__TEXT", "drop")
    monkeypatch.setenv("HOGSYNC_ALERTS__URLS", "json://here/a")
    monkeypatch.setenv("HOGSYNC_SERVICE__PING", "https://hc-ping.com/x")
    settings = everything_secret(monkeypatch)
    sandbox = settings.for_sandbox("http://127.0.0.1:8123/", "phx_sandbox")
    assert (sandbox.origin, sandbox.origin_name) == ("http://127.0.0.1:8123", "sandbox")
    assert (sandbox.warehouse.kind, sandbox.warehouse.path) == ("duckdb", Path("sandbox.duckdb"))
    assert sandbox.require_key().get_secret_value() == "phx_sandbox"
    assert sandbox.projects.only == ()
    assert (sandbox.alerts.urls, sandbox.service.ping) == ((), None)
    assert sandbox.privacy.text == "drop"
    assert settings.origin_name == settings.origin == "https://us.posthog.com"


def test_the_sandbox_file_and_the_dataset_need_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOGSYNC_DATASET", "sandbox")
    with pytest.raises(UsageError, match=r"sandbox\.duckdb"):
        load().for_sandbox("http://127.0.0.1:8123", "phx_sandbox")


# --- what stands around the settings


@pytest.mark.parametrize(
    ("error", "code"), [(UsageError, 2), (KeyProblem, 3), (WarehouseProblem, 4), (Interrupted, 130)]
)
def test_every_error_knows_its_exit_code(error: type[HogsyncError], code: int) -> None:
    assert error("Something is wrong.").exit_code == code


def with_root_on_path() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_reading_settings_imports_nothing_heavy() -> None:
    program = "import sys, pipelines.settings; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=with_root_on_path()
    ).stdout.split()
    assert not {"dlt", "duckdb", "pyarrow", "httpx", "django", "psycopg2"} & set(modules)


def test_every_setting_says_what_it_means() -> None:
    assert [entry.name for entry in SETTINGS if not entry.meaning.endswith(".")] == []


def test_every_setting_is_in_the_page_with_its_default_and_meaning() -> None:
    rows = (ROOT / "pipelines/settings/SETTINGS.md").read_text("utf-8").splitlines()
    assert [row for row in rows if row.startswith(("| `POSTHOG", "| `WAREHOUSE", "| `HOGSYNC"))] == [
        example.table_row(entry) for entry in SETTINGS
    ]


def test_the_example_of_variables_is_what_the_settings_say() -> None:
    assert example.FILE.read_text("utf-8") == example.document()


def test_the_example_of_variables_sets_nothing_but_defaults(
    isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOGSYNC_HOME")
    unset = load()
    lines = (line[1:] for line in example.document().splitlines() if line[:1] == "#" and line[1:2] != " ")
    (isolated / ".env").write_text("\n".join(lines).replace("HOGSYNC_CONFIG=hogsync.toml\n", ""))
    assert load() == unset


def test_the_example_file_shows_every_key_with_its_default() -> None:
    section, shown = "", set()
    for line in (ROOT / "hogsync.example.toml").read_text("utf-8").splitlines():
        text = line.removeprefix("#").strip()
        if text.startswith("["):
            section = text.partition("]")[0].removeprefix("[")
            shown.add((section.partition(".")[0], section.partition(".")[2]))
        else:
            shown.add((section.partition(".")[0], text.partition("=")[0].strip()))
    wanted = {
        (entry.steps[0].removeprefix("HOGSYNC_").lower(), entry.steps[-1]) for entry in SETTINGS if entry.toml
    }
    assert wanted - shown == set()


def test_the_example_file_holds_the_defaults(isolated: Path) -> None:
    unset = load()
    text = (ROOT / "hogsync.example.toml").read_text("utf-8")
    (isolated / "hogsync.toml").write_text(re.sub(r"(?m)^#(?! )(?!per_)", "", text))
    assert load() == unset


def test_a_storage_version_that_duckdb_has_not_is_refused(refusal: Callable[..., str]) -> None:
    said = refusal(HOGSYNC_WAREHOUSE__STORAGE_VERSION="1.2")
    assert said == (
        "HOGSYNC_WAREHOUSE__STORAGE_VERSION in the environment is '1.2', but must be "
        "'v1.0.0', 'v1.2.0', 'v1.3.0', 'v1.4.0', 'v1.5.0' or 'v2.0.0'."
    )
