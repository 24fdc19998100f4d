"""The proxy variables say for one address whether, and through what, it is asked."""

from __future__ import annotations

import pytest

from sources.posthog.client.proxy import proxy_for

CLOUD, OWN = "https://us.posthog.com", "https://10.20.30.40:8443"
PROXY = "http://proxy.example:3128"


@pytest.mark.fault("security.proxy")
@pytest.mark.parametrize(
    ("origin", "proxies", "proxy"),
    [
        (CLOUD, {}, None),
        (CLOUD, {"https": PROXY}, PROXY),
        (CLOUD, {"http": PROXY}, None),
        (CLOUD, {"all": PROXY}, PROXY),
        (CLOUD, {"https": PROXY, "all": "socks://unused.example"}, PROXY),
        (CLOUD, {"https": "proxy.example:3128"}, PROXY),
        (CLOUD, {"https": f" {PROXY} "}, PROXY),
        (CLOUD, {"https": " ", "all": ""}, None),
        (CLOUD, {"https": "", "all": PROXY}, PROXY),
        (CLOUD, {"all": "socks5://used.example"}, "socks5://used.example"),
        ("http://posthog.example", {"https": PROXY}, None),
        ("http://posthog.example", {"http": PROXY}, PROXY),
        ("http://127.0.0.1:8000", {"http": PROXY, "all": PROXY}, None),
        ("http://[::1]:8000", {"http": PROXY}, None),
        ("http://localhost", {"http": PROXY}, None),
    ],
)
def test_the_proxy_is_that_of_the_scheme_else_that_of_all(
    origin: str, proxies: dict[str, str], proxy: str | None
) -> None:
    assert proxy_for(origin, proxies) == proxy


@pytest.mark.fault("security.proxy")
@pytest.mark.parametrize(
    ("origin", "without"),
    [
        (CLOUD, "*"),
        (CLOUD, "[::1], *"),
        (CLOUD, "posthog.com"),
        (CLOUD, "a.example,POSTHOG.com"),
        (CLOUD, "a.example posthog.com"),
        (CLOUD, ".posthog.com"),
        (CLOUD, "*.posthog.com"),
        (CLOUD, "us.posthog.com"),
        (CLOUD, "us.posthog.com:443"),
        (OWN, "10.20.30.40"),
        (OWN, "10.0.0.0/8"),
        (OWN, "10.20.30.40/8"),
        (OWN, "[::1],fd00::/8,10.20.0.0/255.255.0.0"),
        (OWN, "10.20.30.40:8443"),
        ("https://[fd00::7]", "fd00::7"),
        ("https://[fd00::7]", "[FD00::7]"),
        ("https://[fd00::7]", "[fd00::7]:443"),
        ("https://[fd00::7]", "fd00::/8"),
    ],
)
def test_no_proxy_is_honoured_however_it_is_written(origin: str, without: str) -> None:
    assert proxy_for(origin, {"all": PROXY, "no": without}) is None


@pytest.mark.fault("security.proxy")
@pytest.mark.parametrize(
    ("origin", "without"),
    [
        (CLOUD, ""),
        (CLOUD, ","),
        (CLOUD, "[::1]"),
        (CLOUD, "[::1"),
        (CLOUD, "::1,10.0.0.0/8,10.0.0.0/99,fe80::/10"),
        (CLOUD, "hog.com"),
        (CLOUD, "eu.posthog.com"),
        (CLOUD, "us.posthog.com:8443"),
        (CLOUD, "http://us.posthog.com"),
        (CLOUD, "us.posthog.com.evil.example"),
        (CLOUD, "(?:.*)"),
        ("https://posthog.com", ".posthog.com"),
        (OWN, "10.0.0.0/99"),
        (OWN, "11.0.0.0/8"),
        (OWN, "fd00::/8"),
        (OWN, "10.20.30.40:443"),
    ],
)
def test_what_does_not_name_the_host_changes_nothing(origin: str, without: str) -> None:
    assert proxy_for(origin, {"all": PROXY, "no": without}) == PROXY
