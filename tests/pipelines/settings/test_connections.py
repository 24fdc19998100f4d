"""Several PostHogs in one configuration: what a connection takes from its section, and what is refused about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.errors import UsageError
from pipelines.settings import load

EU, US = "phx_europe_0123456789", "phx_america_0123456789"
TWO = """
    [connections.eu]
    host = "https://eu.posthog.com/"
    key_env = "EU_KEY"
    projects = [1, 2]
    rate = { per_minute = 7, per_hour = 70 }
    [connections.us]
    key_file = "us.key"
    dataset = "america"
"""
Refusal = Callable[..., str]


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    in_toml(TWO)
    monkeypatch.setenv("EU_KEY", EU)
    Path("us.key").write_text(f"{US}\n", "utf-8")


def in_toml(text: str) -> None:
    Path("hogsync.toml").write_text(text, "utf-8")


def test_without_connections_the_posthog_settings_are_the_connection_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POSTHOG_PERSONAL_API_KEY", EU)
    settings = load()
    (only,) = settings.each_connection()
    assert only is settings is settings.connection("default")
    assert only.connection_name == "default"


@pytest.mark.usefixtures("two")
def test_what_a_connection_does_not_say_of_its_rate_is_that_of_all() -> None:
    in_toml(f"{TWO}[connections.us.rate]\nper_minute = 3\n[rate]\nper_minute = 5\nper_hour = 50\n")
    eu, us = load().each_connection()
    assert (eu.rate.per_minute, eu.rate.per_hour) == (7, 70)
    assert (us.rate.per_minute, us.rate.per_hour) == (3, 50)


@pytest.mark.usefixtures("two")
def test_a_connection_has_its_own_host_key_dataset_projects_and_rate() -> None:
    eu, us = load().each_connection()
    assert [eu.connection_name, us.connection_name] == ["eu", "us"]
    assert [eu.origin, us.origin] == ["https://eu.posthog.com", "https://us.posthog.com"]
    assert [one.require_key().get_secret_value() for one in (eu, us)] == [EU, US]
    assert [eu.dataset, us.dataset] == ["posthog_eu", "america"]
    assert [eu.projects.only, us.projects.only] == [(1, 2), ()]
    assert [eu.rate.per_minute, us.rate.per_minute] == [7, None]


@pytest.mark.usefixtures("two")
def test_connections_can_be_chosen_by_name_and_a_chosen_one_stays_chosen() -> None:
    (us,) = load().each_connection(["us"])
    assert us.each_connection() == (us,)


@pytest.mark.usefixtures("two")
def test_every_key_is_kept_out_of_what_is_printed() -> None:
    settings = load()
    assert {EU, US} <= {*settings.secrets}
    assert EU not in repr(settings) + repr(settings.connection("eu"))


@pytest.mark.parametrize("exported", [None, ""])  # an empty variable counts as not set
def test_a_key_may_stand_in_dot_env_under_any_name(
    exported: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_toml('[connections.eu]\nkey_env = "POSTHOG_PERSONAL_API_KEY_EU"')
    if exported is not None:
        monkeypatch.setenv("POSTHOG_PERSONAL_API_KEY_EU", exported)
    Path(".env").write_text(f"POSTHOG_PERSONAL_API_KEY_EU={EU}\n", "utf-8")
    Path(".env").chmod(0o600)
    assert load().connection("eu").require_key().get_secret_value() == EU


def test_a_connection_can_be_set_by_variables_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOGSYNC_CONNECTIONS__EU__KEY_ENV", "HOGSYNC_KEY_OF_EUROPE")
    monkeypatch.setenv("HOGSYNC_CONNECTIONS__EU__RATE__PER_MINUTE", "9")
    monkeypatch.setenv("HOGSYNC_KEY_OF_EUROPE", EU)
    eu = load().connection("eu")
    assert (eu.require_key().get_secret_value(), eu.rate.per_minute) == (EU, 9)


def test_the_connection_default_has_the_dataset_of_the_settings() -> None:
    in_toml('[connections.default]\nkey_env = "A"\n[connections.eu-west]\nkey_env = "B"')
    assert [one.dataset for one in load().each_connection()] == ["posthog", "posthog_eu_west"]


def test_a_key_that_is_not_set_stops_only_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    in_toml('[connections.eu]\nkey_env = "EU_KEY"\n[connections.us]\nkey_env = "US_KEY"')
    monkeypatch.setenv("EU_KEY", EU)
    settings = load()
    assert settings.connection("eu").require_key().get_secret_value() == EU
    with pytest.raises(UsageError, match=r"connection us is not set: .* into US_KEY, in the environment"):
        settings.connection("us").require_key()


def test_a_connection_without_any_key_says_where_one_belongs() -> None:
    in_toml("[connections.eu]")
    with pytest.raises(UsageError, match=r"\[connections.eu\] key_env or key_file"):
        load().connection("eu").require_key()


def test_without_a_choice_there_is_no_key_among_several() -> None:
    in_toml(TWO)
    Path("us.key").write_text(US, "utf-8")
    with pytest.raises(UsageError, match="Name one of the connections, eu, us"):
        load().require_key()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[connections.eu]\nkey_env = "A"\nkey_file = "b"',
            "has a connection eu with a key_env and a key_file",
        ),
        (
            "[connections.eu]\nhost = 'eu.posthog.com'",
            "has a connection eu whose host has no scheme",
        ),
        ("[connections.eu]\nhost = 'http://example.com'", "has a connection eu whose host"),
        ("[connections.eu]\ndataset = 'main'", "has a connection eu whose dataset is 'main'"),
        ("[connections.Eu]", "has a section 'Eu'; rename it"),
        ("[connections.eu]\nkey = 'phx_1'", "[connections.eu] key in hogsync.toml is not a setting"),
        ("[connections.a]\ndataset = 'x'\n[connections.b]\ndataset = 'x'", "a and b have one dataset, x"),
        ("[connections.eu]\n[groups.all]\nconnections = ['euu']", "which there is not; did you mean eu?"),
        ("[groups.all]\nconnections = ['eu']", "the connection eu, which there is not"),
        ("[connections.hogsync]\ndataset = 'hogsync'", "have one name"),
    ],
)
def test_a_connection_that_cannot_be_is_refused_in_one_sentence(
    refusal: Refusal, text: str, said: str
) -> None:
    in_toml(text)
    assert said in refusal()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("key_env = 'EU_KEY'", "EU_KEY, the key of connection eu, is a project token"),
        ("key_file = 'nowhere'", "key_file of connection eu is nowhere, which cannot be read"),
    ],
)
def test_a_wrong_key_stops_only_its_connection(
    monkeypatch: pytest.MonkeyPatch, place: str, said: str
) -> None:
    in_toml(f"[connections.eu]\n{place}\n[connections.us]\nkey_env = 'US_KEY'")
    monkeypatch.setenv("EU_KEY", "phc_project_token")
    monkeypatch.setenv("US_KEY", US)
    settings = load()
    assert settings.connection("us").require_key().get_secret_value() == US
    with pytest.raises(UsageError) as refused:
        settings.connection("eu").require_key()
    assert said in str(refused.value)
    assert "project_token" not in str(refused.value)


def test_an_unknown_connection_is_refused_with_the_nearest_name() -> None:
    in_toml(TWO)
    Path("us.key").write_text(US, "utf-8")
    with pytest.raises(UsageError, match=r"no connection uss; did you mean us\?"):
        load().connection("uss")
