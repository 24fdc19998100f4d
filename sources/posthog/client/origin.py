"""Checks the address of a PostHog: the one origin to which requests, and with them the key, may go.

Text as a person types it -> `scheme://host[:port]`, or a ValueError with the second half of a sentence: the caller
knows which setting or argument it is. Text that could be a password or a key is never repeated.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

# Hosts that people paste -> the host of the private API: us.i. and eu.i. only take events in, app. redirects to a
# region, and a redirect is never followed with a key.
MEANT = {
    "us.i.posthog.com": "us.posthog.com",
    "us-assets.i.posthog.com": "us.posthog.com",
    "eu.i.posthog.com": "eu.posthog.com",
    "eu-assets.i.posthog.com": "eu.posthog.com",
    "app.posthog.com": "us.posthog.com",
    "i.posthog.com": "us.posthog.com",
    "posthog.com": "us.posthog.com",
    "www.posthog.com": "us.posthog.com",
}
TOKEN = re.compile(r"ph[a-z]_\w*")


def origin_of(value: str, *, allow_http: bool = False) -> str:
    """Return `scheme://host[:port]`, lower-case, no default port; `allow_http` allows plain http to any host."""
    if "://" not in value:
        raise ValueError(_without_scheme(value.strip().strip("/")))
    parts = _split(value.strip())
    if parts.scheme not in {"http", "https"}:
        raise ValueError("must begin with https://, as in https://us.posthog.com")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a user name or a password; write scheme and host only")
    host = _plain_host(parts)
    if host in MEANT:
        raise ValueError(f"names {host}, which does not answer for this; write {_right(host)}")
    place = f"[{host}]" if ":" in host else host
    port = "" if parts.port in {None, {"http": 80, "https": 443}[parts.scheme]} else f":{parts.port}"
    here = f"{parts.scheme}://{place}{port}"
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"must be scheme and host only; write {here}")
    if parts.scheme == "http" and not allow_http and not is_loopback(host):
        raise ValueError(
            f"would send the key unencrypted; write https://{place}{port}, or set HOGSYNC_INSECURE_HTTP=1"
        )
    return here


def is_loopback(host: str) -> bool:
    """Return whether nothing sent to `host` leaves this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _without_scheme(value: str) -> str:
    """Return the refusal of a host without a scheme, with the address that was probably meant."""
    if TOKEN.search(value) or "@" in value:
        return "is no address; write scheme and host, as in https://us.posthog.com"
    place = value.split("/", maxsplit=1)[0].lower()
    host = place.partition(":")[0]
    if host in MEANT:
        return f"has no scheme and names {host}; write {_right(host)}"
    return f"has no scheme; write {'http' if is_loopback(host) else 'https'}://{place}"


def _right(host: str) -> str:
    other = " (or https://eu.posthog.com if that is your region)" if not host.startswith(("us", "eu")) else ""
    return f"https://{MEANT[host]}{other}"


def _split(url: str) -> SplitResult:
    """Return the parts of `url`; raises ValueError if its port is no number."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError(
            "is no valid address: its port is no number, or a special character is not percent-encoded"
        ) from None
    return parts


def _plain_host(parts: SplitResult) -> str:
    """Return the host as DNS writes it: lower-case, no final dot, names beyond ASCII in their xn-- form."""
    host = (parts.hostname or "").rstrip(".")
    if ":" in host:
        return host
    try:
        host = host.encode("idna").decode()
    except UnicodeError:
        host = ""
    if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", host):
        raise ValueError("names no valid host; write scheme and host, as in https://us.posthog.com")
    return host


def is_cloud(origin: str) -> bool:
    """Return whether the origin is PostHog's own service, whose limits are known."""
    return f".{urlsplit(origin).hostname}".endswith(".posthog.com")
