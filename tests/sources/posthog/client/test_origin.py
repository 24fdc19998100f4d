"""POSTHOG_HOST, as people type it."""

from __future__ import annotations

import pytest

from sources.posthog.client.client import Client
from sources.posthog.client.origin import origin_of


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        ("https://us.posthog.com", "https://us.posthog.com"),
        (" https://EU.posthog.com/ ", "https://eu.posthog.com"),
        ("https://posthog.example.org:443", "https://posthog.example.org"),
        ("https://posthog.example.org:8443/", "https://posthog.example.org:8443"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_origin_is_scheme_host_and_port(typed: str, origin: str) -> None:
    assert origin_of(typed) == origin


@pytest.mark.fault("security.other_host", "security.plain_http")
@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "is empty"),
        ("us.posthog.com", "has no scheme; write https://us.posthog.com"),
        ("localhost:8000", "has no scheme; write http://localhost:8000"),
        ("ftp://us.posthog.com", "must begin with https://"),
        ("https://", "names no valid host"),
        ("https://us posthog com", "names no valid host"),
        ("https://us.posthog.com:port", "is no valid address"),
        ("https://us.posthog.com:99999", "is no valid address"),
        ("https://[::1", "is no valid address"),
        ("phx_NotAKeyOfAnyone0123456789", "is no address"),
        ("https://us.posthog.com/api/", "must be scheme and host only; write https://us.posthog.com"),
        ("https://us.posthog.com/project/1", "must be scheme and host only; write https://us.posthog.com"),
        ("https://us.posthog.com?x=1", "must be scheme and host only; write https://us.posthog.com"),
        ("https://jo:hidden@us.posthog.com", "must not carry a user name"),
        (
            "https://us.i.posthog.com",
            "names us.i.posthog.com, which does not answer for this; write https://us.posthog.com",
        ),
        ("http://us.posthog.com", "would send the key unencrypted"),
        ("http://127.0.0.1.evil.test", "would send the key unencrypted"),
    ],
)
def test_what_is_no_origin_is_one_clear_sentence_without_secrets(typed: str, says: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  any: the sentence is compared
        Client(typed, "phx_key")
    assert str(caught.value).startswith(f"POSTHOG_HOST {says}")
    assert "hidden" not in str(caught.value)
    assert "phx_" not in str(caught.value)


@pytest.mark.fault("security.plain_http")
def test_plain_http_to_another_machine_needs_to_be_wanted() -> None:
    assert origin_of("http://posthog.internal", allow_http=True) == "http://posthog.internal"
