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
ENTRY = re.compile(
    r"(?:(?P<scheme>\w+)://)?(?:\[(?P<six>[^\]]+)\]|(?P<host>[^\[\]:/]+))(?::(?P<port>\d+))?/?"
)


def proxy_for(origin: str, proxies: Mapping[str, str]) -> str | None:
    """Return the address of the proxy for `origin`, None if requests go straight to it.

    `proxies` is what `urllib.request.getproxies()` makes of HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.
    """
    scheme = urlsplit(origin).scheme
    found = (proxies.get(scheme) or proxies.get("all") or "").strip()
    if not found or is_loopback(urlsplit(origin).hostname or ""):
        return None
    if any(_covers(entry, origin) for entry in re.split(r"[,\s]+", proxies.get("no", ""))):
        return None
    return found if "://" in found else f"http://{found}"


def _covers(entry: str, origin: str) -> bool:
    """Return whether an entry of NO_PROXY names the host of `origin`.

    It may be `*`, a host's name (which stands for those below it, too), `.name` or `*.name` (only for those below it),
    an IP address or a network; a scheme and a port narrow it.
    """
    parts = urlsplit(origin)
    host = parts.hostname or ""
    if entry == "*" or _holds(entry, host):
        return True
    found = ENTRY.fullmatch(entry.lower())
    if not found or found["scheme"] not in {None, "all", parts.scheme}:
        return False
    if found["port"] and int(found["port"]) != (parts.port or PORTS[parts.scheme]):
        return False
    name = (found["six"] or found["host"]).removeprefix("*")
    if _holds(host, host):  # an address has no names below it: 30.40 is no end of 10.20.30.40
        return _holds(name, host)
    return name == host or host.endswith(f".{name.removeprefix('.')}")


def _holds(network: str, host: str) -> bool:
    """Return whether `network`, or a single address, contains the address `host`."""
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
