"""A mistake in any layer of settings is one sentence: what, where, and what is allowed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.errors import UsageError
from pipelines.settings import load

Refusal = Callable[..., str]


def in_toml(text: str) -> None:
    Path("hogsync.toml").write_text(text, "utf-8")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("HOGSYNC_DATASETT", "HOGSYNC_DATASET"),
        ("HOGSYNC_PRIVACY_PERSON", "HOGSYNC_PRIVACY__PERSON"),
        ("HOGSYNC_PRIVACY__PRESON", "HOGSYNC_PRIVACY__PERSON"),
        ("HOGSYNC_GROUPS__FAST__CRON", "HOGSYNC_GROUPS__FAST__CRONTAB"),
        ("HOGSYNC_PRIVCY__TEXT", "HOGSYNC_PRIVACY__TEXT"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_one(refusal: Refusal, name: str, meant: str) -> None:
    sentence = refusal(**{name: "keep"})
    assert sentence == f"{name} in the environment is not a setting of hogsync; did you mean {meant}?"


def test_an_unknown_variable_in_dot_env_is_refused_too(refusal: Refusal) -> None:
    Path(".env").write_text("HOGSYNC_HOMME=x\n", "utf-8")
    expected = "HOGSYNC_HOMME in .env is not a setting of hogsync; did you mean HOGSYNC_HOME?"
    assert refusal() == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[privacy]\npreson = 'hash'", "did you mean [privacy] person?"),
        ("[groups.fast]\ncrontb = '0 * * * *'", "did you mean [groups.fast] crontab?"),
        ("[privcy]\nperson = 'hash'", "did you mean privacy?"),
        ("[alarms]\nto = 'x'", "alarms in hogsync.toml is no section"),
        ("dataset = 'x'", "dataset in hogsync.toml is no section"),
        ("posthog_host = 'x'", "posthog_host in hogsync.toml is no section"),
    ],
)
def test_an_unknown_key_of_the_toml_file_is_refused(refusal: Refusal, text: str, words: str) -> None:
    in_toml(text)
    assert words in refusal()


def test_an_unknown_override_is_refused() -> None:
    with pytest.raises(
        UsageError, match="WAREHOUSE_ULR as given is not a setting of hogsync; did you mean WAREHOUSE_URL"
    ):
        load({"WAREHOUSE_ULR": "x"})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[privacy]\ntext = 'hsh'",
            "[privacy] text in hogsync.toml is 'hsh', but must be 'keep', 'hash' or 'drop'.",
        ),
        (
            "[lists]\nnew_columns = 351",
            "[lists] new_columns in hogsync.toml is 351, but must be less than or equal to 350.",
        ),
        (
            "[lists]\npage_size = 0",
            "[lists] page_size in hogsync.toml is 0, but must be greater than or equal to 1.",
        ),
        ("[lists]\nin_flight = 'x'", "[lists] in_flight in hogsync.toml is 'x', but must be a whole number."),
        (
            "[warehouse]\nwait = -1",
            "[warehouse] wait in hogsync.toml is -1, but must be greater than or equal to 0.",
        ),
        ("privacy = 1", "[privacy] in hogsync.toml is 1, but must be a section with keys of its own."),
        ("[projects]\nonly = ['a']", "[projects] only in hogsync.toml is 'a', but must be a whole number."),
    ],
)
def test_a_wrong_value_is_told_with_place_and_what_is_allowed(
    refusal: Refusal, text: str, sentence: str
) -> None:
    in_toml(text)
    assert refusal() == sentence


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("HOGSYNC_LISTS__FULL_EVERY", "soon", "30m, 12h, 1d or 2w"),
        ("HOGSYNC_GROUPS__A__TIMEZONE", "Europe/Nowhere", "must be a time zone"),
        ("HOGSYNC_GROUPS__A__CRONTAB", "hourly", "a crontab has five columns"),
        ("HOGSYNC_PRIVACY__COLUMNS", "comments.content", "must be pairs"),
        ("HOGSYNC_PRIVACY__COLUMNS", "comments.content=dorp", "in the environment is 'dorp'"),
        ("HOGSYNC_DATASET", "My Data", "must be a plain lower-case name"),
        ("HOGSYNC_DATASET", "pg_data", "must be a plain lower-case name"),
        ("HOGSYNC_DATASET", "temp", "choose another name"),
        ("HOGSYNC_HASH_KEY", "short", "is shorter than 16 characters"),
        (
            "HOGSYNC_CONFIG",
            "missing.toml",
            "HOGSYNC_CONFIG is missing.toml, which cannot be read: No such file or directory; check the path",
        ),
        ("HOGSYNC_INSECURE_HTTP", "perhaps", "must be true (1) or false (0)"),
    ],
)
def test_a_wrong_variable_is_told_in_one_sentence(
    refusal: Refusal, name: str, value: str, words: str
) -> None:
    assert words in refusal(**{name: value})


def test_a_malformed_toml_file_is_told_with_its_line(refusal: Refusal) -> None:
    in_toml("[selection]\ntables = ['users'\n[x]\n")
    sentence = refusal()
    assert sentence.startswith("hogsync.toml is not valid TOML: ")
    assert "line 3" in sentence


@pytest.mark.parametrize("name", [".env", "hogsync.toml"])
def test_a_file_that_is_no_text_is_told(refusal: Refusal, name: str) -> None:
    Path(name).write_bytes(b"\xff\xfe\x00")
    assert refusal() == f"{name} cannot be read: it is not UTF-8; save it as UTF-8."


@pytest.mark.parametrize(
    "name", ["WAREHOUSE_URL", "HOGSYNC_HOME", "HOGSYNC_CONFIG", "HOGSYNC_PRIVACY__PERSON"]
)
def test_a_variable_that_is_no_text_is_told(refusal: Refusal, name: str) -> None:
    said = refusal(**{name: os.fsdecode(b"duckdb:///\xff.duckdb")})
    assert said == f"{name} in the environment is not UTF-8; write its value as UTF-8."


def test_a_folder_instead_of_the_toml_file_is_refused(refusal: Refusal) -> None:
    Path("hogsync.toml").mkdir()
    assert refusal() == "hogsync.toml cannot be read: Is a directory; check the path and who may read it."
