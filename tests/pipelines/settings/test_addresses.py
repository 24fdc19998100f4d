"""The key, POSTHOG_HOST and WAREHOUSE_URL: what is taken, and what is refused with the right way to write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.errors import UsageError
from pipelines.settings import load

KEY = "phx_0123456789abcdef"
Refusal = Callable[..., str]


# --- the key


@pytest.mark.fault("security.key_sources")
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("phc_0123456789abcdef", "is a project token, not a personal API key"),
        ("phs_0123456789abcdef", "is a project secret key, not a personal API key"),
        ("phr_0123456789abcdef", "does not look like a personal API key"),
        ('"phx_0123456789abcdef"', "does not look like a personal API key; give the bare key without quotes"),
        (
            "Bearer phx_0123456789abcdef",
            "does not look like a personal API key; give the bare key without quotes",
        ),
        ("0123456789abcdef", "does not look like a personal API key"),
        ("   ", "is empty"),
    ],
)
def test_what_cannot_be_a_key_is_refused_and_not_repeated(refusal: Refusal, value: str, words: str) -> None:
    sentence = refusal(POSTHOG_PERSONAL_API_KEY=value)
    assert words in sentence
    assert "0123456789abcdef" not in sentence


@pytest.mark.fault("security.key_sources")
@pytest.mark.parametrize("value", [KEY, f"  {KEY}\r\n", "pha_0123456789", "Legacy-Key_0123456789abcdef"])
def test_every_kind_of_key_is_taken_without_the_white_space(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("POSTHOG_PERSONAL_API_KEY", value)
    assert load().require_key().get_secret_value() == value.strip()


def test_a_missing_key_matters_only_to_those_who_need_it() -> None:
    with pytest.raises(UsageError, match=r"https://us\.posthog\.com/settings/user-api-keys .*--sandbox"):
        load().require_key()


@pytest.mark.fault("security.key_sources")
def test_the_key_can_stand_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("key").write_text(f"{KEY}\n", "utf-8")
    monkeypatch.setenv("POSTHOG_PERSONAL_API_KEY_FILE", "key")
    assert load().require_key().get_secret_value() == KEY


@pytest.mark.fault("security.key_sources")
def test_every_secret_can_stand_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("url").write_text("postgresql://hog:hunter2@db/wh\n", "utf-8")
    Path("hash").write_text("a-long-and-random-secret\n", "utf-8")
    monkeypatch.setenv("WAREHOUSE_URL_FILE", "url")
    monkeypatch.setenv("HOGSYNC_HASH_KEY_FILE", "hash")
    settings = load()
    assert settings.warehouse.label == "postgresql://db/wh"
    assert settings.hash_key_bytes() == b"a-long-and-random-secret"
    assert settings.secrets == ("a-long-and-random-secret", "hunter2")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            None,
            (
                "POSTHOG_PERSONAL_API_KEY_FILE is key, which cannot be read: No such file or directory; "
                "check the path and who may read it."
            ),
        ),
        (b"", "POSTHOG_PERSONAL_API_KEY in key is empty"),
        (b"\xff\xfe", "which cannot be read: it is not UTF-8; save it as UTF-8."),
        (b"phc_0123456789abcdef", "POSTHOG_PERSONAL_API_KEY in key is a project token"),
    ],
)
def test_a_bad_key_file_is_told(refusal: Refusal, content: bytes | None, words: str) -> None:
    if content is not None:
        Path("key").write_bytes(content)
    assert words in refusal(POSTHOG_PERSONAL_API_KEY_FILE="key")


def test_a_key_and_a_key_file_are_one_too_many(refusal: Refusal) -> None:
    Path(".env").write_text(f"POSTHOG_PERSONAL_API_KEY={KEY}\n", "utf-8")
    assert "are both set" in refusal(POSTHOG_PERSONAL_API_KEY_FILE="key")


# --- POSTHOG_HOST


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (" ", "is empty; write scheme and host, as in https://us.posthog.com, or leave the setting out."),
        ("us.posthog.com", "has no scheme; write https://us.posthog.com."),
        ("us.posthog.com/project/1", "has no scheme; write https://us.posthog.com."),
        ("localhost:8000", "has no scheme; write http://localhost:8000."),
        ("eu.i.posthog.com", "write https://eu.posthog.com."),
        ("https://us.i.posthog.com", "write https://us.posthog.com."),
        ("https://eu-assets.i.posthog.com", "write https://eu.posthog.com."),
        ("https://us.posthog.com/project/1", "must be scheme and host only; write https://us.posthog.com."),
        ("https://me:pass@us.posthog.com", "must not carry a user name or a password"),
        ("http://posthog.example", "would send the key unencrypted; write https://posthog.example"),
        ("http://127.0.0.1.example", "would send the key unencrypted"),
        ("ftp://us.posthog.com", "must begin with https://"),
        ("https://us.posthog.com:x", "is no valid address"),
        ("https://", "names no valid host"),
        ("https://a b", "names no valid host"),
        (KEY, "is no address"),
    ],
)
def test_a_host_that_cannot_be_meant_is_refused_with_the_right_one(
    refusal: Refusal, value: str, words: str
) -> None:
    sentence = refusal(POSTHOG_HOST=value)
    assert sentence.startswith("POSTHOG_HOST in the environment ")
    assert words in sentence
    assert "pass@" not in sentence
    assert KEY not in sentence


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        ("https://eu.posthog.com/", "https://eu.posthog.com"),
        (" HTTPS://US.PostHog.com:443 ", "https://us.posthog.com"),
        ("https://posthog.example:8443", "https://posthog.example:8443"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("http://127.8.9.1:80", "http://127.8.9.1"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://hög.example", "https://xn--hg-fka.example"),
    ],
)
def test_a_host_becomes_an_origin(monkeypatch: pytest.MonkeyPatch, value: str, origin: str) -> None:
    monkeypatch.setenv("POSTHOG_HOST", value)
    assert load().origin == origin


@pytest.mark.fault("security.plain_http")
def test_plain_http_can_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOGSYNC_INSECURE_HTTP", "1")
    monkeypatch.setenv("POSTHOG_HOST", "http://posthog.example")
    assert load().origin == "http://posthog.example"


# --- WAREHOUSE_URL


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("duckdb:///data/a.duckdb", "data/a.duckdb"),
        ("duckdb:////data/a.duckdb", "/data/a.duckdb"),
        ("duckdb:///my%20b\u00fccher.duckdb", "my b\u00fccher.duckdb"),
        ("duckdb:///my file.duckdb", "my file.duckdb"),
    ],
)
def test_a_duckdb_url_is_a_path(monkeypatch: pytest.MonkeyPatch, value: str, path: str) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", value)
    warehouse = load().warehouse
    assert (warehouse.kind, warehouse.path, warehouse.label) == ("duckdb", Path(path), path)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_a_postgres_url_keeps_its_options_and_hides_its_password(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    rest = "://hog:p%40ss@db.example:5433/wh?sslmode=require&application_name=x"
    monkeypatch.setenv("WAREHOUSE_URL", scheme + rest)
    settings = load()
    warehouse = settings.warehouse
    assert warehouse.dsn.get_secret_value() == f"postgresql{rest}"
    assert (warehouse.kind, warehouse.label) == ("postgresql", "postgresql://db.example:5433/wh")
    assert warehouse.secrets == ("p%40ss", "p@ss")


@pytest.mark.parametrize(
    ("rest", "label", "secrets"),
    [
        ("/wh?host=/run/postgresql", "/wh?host=/run/postgresql", ()),
        ("/wh?host=a,b&port=1,2&password=p%20w", "/wh?host=a,b", ("p w",)),
        ("u:pw@%2Frun%2Fpostgresql/wh", "%2Frun%2Fpostgresql/wh", ("pw",)),
        (
            "u:p%3Aw@a:5432,[::1]:5433/wh?target_session_attrs=primary",
            "a:5432,[::1]:5433/wh",
            ("p%3Aw", "p:w"),
        ),
        ("u@a,b?dbname=wh", "a,b/wh", ()),
        ("?host=a&dbname=wh", "/wh?host=a", ()),
    ],
)
def test_sockets_and_several_hosts_are_a_warehouse(
    monkeypatch: pytest.MonkeyPatch, rest: str, label: str, secrets: tuple[str, ...]
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", f"postgresql://{rest}")
    warehouse = load().warehouse
    assert (warehouse.label, warehouse.secrets) == (f"postgresql://{label}", secrets)
    assert warehouse.dsn.get_secret_value() == f"postgresql://{rest}"


@pytest.mark.fault("warehouse.in_memory")
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("duckdb:///:memory:", "is gone after the run"),
        ("duckdb:///", "must be duckdb:///"),
        ("duckdb://a.duckdb", "must be duckdb:///"),
        ("a.duckdb", "must be duckdb:///"),
        ("/data/a.duckdb", "must be duckdb:///"),
        ("duckdb:///a.duckdb?x=1", "must be duckdb:///"),
        ("duckdb:///.", "names a folder"),
        ("mysql://u:hunter2@h/d", "must be duckdb:///"),
        ("postgresql://u:hunter2@h", "names no database"),
        ("postgresql://u:hunter2@h:x/d", "has a port that is no number"),
        ("postgresql://u:hun@ter2@h/d", "must be percent-encoded"),
        ("postgresql://u:1/hunter2@h/d", "must be percent-encoded"),
        ("postgresql://u:1?hunter2@h/d", "must be percent-encoded"),
        ("postgresql://u:1#hunter2@h/d", "must be percent-encoded"),
        ("hunter2", "must be duckdb:///"),
    ],
)
def test_a_warehouse_that_cannot_be_meant_is_refused_without_its_password(
    refusal: Refusal, value: str, words: str
) -> None:
    sentence = refusal(WAREHOUSE_URL=value)
    assert words in sentence
    assert "ter2" not in sentence


@pytest.mark.parametrize("name", ["posthog.duckdb", "Posthog.v2.duckdb", "posthog__hogsync_staging.duckdb"])
def test_a_dataset_named_like_the_duckdb_file_is_refused(refusal: Refusal, name: str) -> None:
    sentence = refusal(WAREHOUSE_URL=f"duckdb:///{name}")
    assert sentence.startswith(f"The dataset posthog (HOGSYNC_DATASET) and the DuckDB file {name}")


def test_a_refusal_shows_the_form_of_a_url_and_no_password(refusal: Callable[..., str]) -> None:
    assert "postgresql://user:password@host/database" in refusal(WAREHOUSE_URL="postgres:/x")
    said = refusal(HOGSYNC_LISTS__PAGE_SIZE="postgresql://user:tig3r@host/database")
    assert "tig3r" not in said
