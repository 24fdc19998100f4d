"""Chooses the proxy for requests to PostHog: the environment's variables -> one address, or none.

httpx reads the same variables, but fails for every entry that it cannot use, also where another one decides
(`NO_PROXY=[::1]`, `ALL_PROXY=socks://…`), and takes a network in NO_PROXY for a host's name.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from sources.posthog.client.origin import is_loopback

PORTS = {"http": 80, "https": 443}
BRACKETS = str.maketrans("", "", "[]")


def proxy_for(origin: str, proxies: Mapping[str, str]) -> str | None:
    """Return the address of the proxy for `origin`, None if requests go straight to it.

    `proxies` is what `urllib.request.getproxies()` makes of HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.
    """
    parts = urlsplit(origin)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    found = (proxies.get(parts.scheme) or proxies.get("all") or "").strip()
    entries = re.split(r"[,\s]+", proxies.get("no", "").lower())
    if not found or is_loopback(host) or any(_covers(entry, host, port) for entry in entries if entry):
        return None
    return found if "://" in found else f"http://{found}"


def _covers(entry: str, host: str, port: int) -> bool:
    """Return whether an entry of NO_PROXY is `*`, the host, a name above it, a network with it, or host and port."""
    name = entry.translate(BRACKETS).removeprefix("*")
    if name in {"", host, f"{host}:{port}"}:
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(name, strict=False)
    except ValueError:
        return host.endswith(f".{name.removeprefix('.')}")
