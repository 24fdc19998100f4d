"""What `.env` says is what a shell would make of it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from pipelines.errors import UsageError
from pipelines.settings import load
from pipelines.settings.dot_env import variables

KEY = "POSTHOG_PERSONAL_API_KEY=phx_0123456789abcdef\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A='p${HOME}w$x'", "p${HOME}w$x"),
        ("export A = 'p${HOME}w'  # no variable", "p${HOME}w"),
        ("\n\n'A'='p${B:-x}w'", "p${B:-x}w"),
        ("A='it\\'s ${B}'", "it's ${B}"),
        ("A='two\nlines ${B}'", "two\nlines ${B}"),
        ('A="p${HOME}w"', "p/rootw"),
        ("A=p${HOME}w", "p/rootw"),
        ("A=p${HOME}'w'", "p/root'w'"),
        ("B='${HOME}'\nA=${B}", "${HOME}"),
        ("HOME=mine\nA=${HOME}", "mine"),
        ("A=${NOTHING:-x}${NOTHING}", "x"),
        ("A='${B}'\nA=${HOME}", "/root"),
        ("A=${HOME}\nA='${B}'", "${B}"),
        ("A=", ""),
    ],
)
def test_a_variable_stands_for_its_value_but_in_single_quotes(text: str, value: str) -> None:
    assert variables(text, {"HOME": "/root"})["A"] == value


def test_a_name_without_a_value_sets_nothing_and_a_line_that_is_none_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert variables("A\n# B=1\n=x\nC=1\n", {}) == {"C": "1"}
    assert [record.getMessage() for record in caplog.records] == [
        "Line 3 of .env is left out: it is not NAME=value."
    ]


def test_a_password_in_single_quotes_arrives_as_it_stands() -> None:
    Path(".env").write_text("WAREHOUSE_URL='postgresql://u:p${HOME}w@h/d'\n", "utf-8")
    assert load().warehouse.secrets == ("p${HOME}w",)


def test_a_folder_named_dot_env_counts_as_no_file() -> None:
    Path(".env").mkdir()
    assert load().dataset == "posthog"


@pytest.mark.fault("security.key_sources")
@pytest.mark.skipif(os.name != "posix", reason="modes are Posix's")
@pytest.mark.parametrize(
    ("text", "mode", "named"),
    [
        (KEY, 0o644, ["POSTHOG_PERSONAL_API_KEY"]),
        (KEY, 0o640, ["POSTHOG_PERSONAL_API_KEY"]),
        ("WAREHOUSE_URL=postgresql://u:p@h/d\n", 0o604, ["WAREHOUSE_URL"]),
        (
            f"{KEY}HOGSYNC_HASH_KEY=0123456789abcdefghi\n",
            0o777,
            ["HOGSYNC_HASH_KEY and POSTHOG_PERSONAL_API_KEY"],
        ),
        (KEY, 0o600, []),
        (KEY, 0o400, []),
        ("HOGSYNC_DATASET=x\nWAREHOUSE_URL=duckdb:///a.duckdb\nPOSTHOG_PERSONAL_API_KEY=\n", 0o644, []),
    ],
)
def test_secrets_that_others_can_read_are_a_word_of_warning(
    text: str, mode: int, named: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "hogsync")
    Path(".env").write_text(text, "utf-8")
    Path(".env").chmod(mode)
    load()
    assert [record.getMessage() for record in caplog.records] == [
        f".env can be read by others on this machine, and it holds {names}; run `chmod 600 .env`."
        for names in named
    ]


MISSPELT = [
    ("POSTHOG_HOTS", "POSTHOG_HOST"),
    ("posthog_hosts", "POSTHOG_HOST"),
    ("POSTHOG_PERSONAL_KEY", "POSTHOG_PERSONAL_API_KEY"),
    ("POSTHOG_PERSONAL_API_TOKEN", "POSTHOG_PERSONAL_API_KEY"),
    ("POSTHOG_PERSONAL_API_KEYFILE", "POSTHOG_PERSONAL_API_KEY_FILE"),
    ("WAREHOUSE_URI", "WAREHOUSE_URL"),
    ("WAREHOUSE_ULR", "WAREHOUSE_URL"),
]


@pytest.mark.parametrize(("name", "meant"), MISSPELT)
@pytest.mark.parametrize("where", ["in .env", "in the environment"])
def test_what_is_nearly_a_setting_of_ours_is_refused(
    name: str, meant: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "in .env":
        Path(".env").write_text(f"{name}=x\n", "utf-8")
    else:
        monkeypatch.setenv(name, "x")
    with pytest.raises(UsageError) as caught:
        load()
    assert str(caught.value) == f"{name.upper()} {where} is not a setting of hogsync; did you mean {meant}?"


@pytest.mark.parametrize(
    "name",
    [
        "POSTHOG_API_KEY",
        "POSTHOG_PROJECT_API_KEY",
        "POSTHOG_API_HOST",
        "POSTHOG_CLI_TOKEN",
        "POSTHOG_PROJECT_ID",
        "POSTHOG_SERVICE_HOST",
        "POSTHOG_PORT",
        "WAREHOUSE_USER",
        "WAREHOUSE_HOST",
        "NEXT_PUBLIC_POSTHOG_HOST",
    ],
)
def test_what_other_programs_go_by_is_left_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "x")
    assert load().origin == "https://us.posthog.com"


def test_a_misspelt_name_without_a_value_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTHOG_HOTS", "")
    assert load().origin == "https://us.posthog.com"
