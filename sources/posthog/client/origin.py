"""POSTHOG_HOST: the one address that requests, and with them the key, may go to."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from sources.posthog.redaction.text import redacted

HOST = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?|[0-9a-f:.]+", re.ASCII)
INGESTION = frozenset({"us.i.posthog.com", "eu.i.posthog.com"})


def origin_of(url: str, *, allow_http: bool = False) -> str:
    """`scheme://host[:port]`, in lower case; a ValueError says in one sentence what is wrong with it."""
    shown = redacted(url)
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    if parts.scheme not in {"http", "https"} or not HOST.fullmatch(host):
        raise ValueError(f"POSTHOG_HOST must be like https://us.posthog.com, not '{shown}'.")
    if "@" in parts.netloc:
        raise ValueError("POSTHOG_HOST must not hold a user or a password; the key has its own setting.")
    bare = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}"
    if port not in {None, 80 if parts.scheme == "http" else 443}:
        bare += f":{port}"
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"POSTHOG_HOST must end after the host: {bare} instead of {shown}.")
    if host in INGESTION:
        raise ValueError(f"{host} only takes events: set POSTHOG_HOST to https://{host.replace('.i.', '.')}.")
    if parts.scheme == "http" and not (allow_http or is_loopback(bare)):
        raise ValueError(
            f"{bare} would send the key unencrypted: use https, or set HOGSYNC_INSECURE_HTTP=1 if you must."
        )
    return bare


def is_loopback(origin: str) -> bool:
    """Whether requests to this origin stay on this machine."""
    host = urlsplit(origin).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_cloud(origin: str) -> bool:
    """Whether it is PostHog's own service, whose limits are known."""
    return f".{urlsplit(origin).hostname}".endswith(".posthog.com")
