"""Checks the address of a PostHog: the one origin to which requests, and with them the key, may go.

Text as a person types it -> `scheme://host[:port]`, or a ValueError with the second half of a sentence: the caller
knows which setting or argument it is. Text that could be a password or a key is never repeated.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

INGESTION = re.compile(r"(us|eu)(?:-assets)?\.i\.posthog\.com")
"""Hosts that only take events in; people use them for PostHog's API, too."""
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
    if region := INGESTION.fullmatch(host):
        raise ValueError(
            f"names {host}, which does not answer for this; write https://{region[1]}.posthog.com"
        )
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
    if not value:
        return "is empty; write scheme and host, as in https://us.posthog.com, or leave the setting out"
    if TOKEN.search(value) or "@" in value:
        return "is no address; write scheme and host, as in https://us.posthog.com"
    place = INGESTION.sub(r"\1.posthog.com", value.split("/", maxsplit=1)[0].lower())
    return f"has no scheme; write {'http' if is_loopback(place.partition(':')[0]) else 'https'}://{place}"


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
