"""POSTHOG_HOST, as people type it."""

from __future__ import annotations

import pytest

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
        ("", "must be like https://us.posthog.com"),
        ("us.posthog.com", "must be like"),
        ("localhost:8000", "must be like"),
        ("ftp://us.posthog.com", "must be like"),
        ("https://", "must be like"),
        ("https://us posthog com", "must be like"),
        ("https://us.posthog.com:port", "must be like"),
        ("https://us.posthog.com:99999", "must be like"),
        ("https://[::1", "must be like"),
        ("phx_NotAKeyOfAnyone0123456789", "must be like"),
        ("https://us.posthog.com/api/", "https://us.posthog.com instead of"),
        ("https://us.posthog.com/project/1", "https://us.posthog.com instead of"),
        ("https://us.posthog.com?x=1", "https://us.posthog.com instead of"),
        ("https://jo:hidden@us.posthog.com", "must not hold a user"),
        ("https://us.i.posthog.com", "https://us.posthog.com"),
        ("http://us.posthog.com", "use https"),
        ("http://127.0.0.1.evil.test", "use https"),
    ],
)
def test_what_is_no_origin_is_one_clear_sentence_without_secrets(typed: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"POSTHOG_HOST|use https") as caught:
        origin_of(typed)
    assert says in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert "phx_" not in str(caught.value)


@pytest.mark.fault("security.plain_http")
def test_plain_http_to_another_machine_needs_to_be_wanted() -> None:
    assert origin_of("http://posthog.internal", allow_http=True) == "http://posthog.internal"
