r"""Mail addresses and Slack channels inside texts: the one rule by which logs and rows find them.

An address is found in every spelling that a mail program, a URL or JSON knows: with a domain of any script or none at
all (`root@localhost`), with a quoted local part, with its @ as `%40`, `\u0040`, `&#64;` or in full width. What only
looks like one is left alone: `@mention`, `a @ b`, `image@sha256:…`, `package@1.2.3`, `action@v4`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote

_AT = re.compile(r"[@＠﹫]|%(?:25){0,9}40|\\{1,9}(?:u00|x)40|&#(?:0*64|[xX]0*40);|&commat;")
_APART = r"\s@＠﹫<>()\[\]{},;:\"\\/=?&#|"
LONGEST = 128
"""Letters before the @; mail allows 64."""
_LOCAL = re.compile(rf"(?:\\?\"[^\"\r\n@]{{1,{LONGEST}}}\"|(?!['`])[^{_APART}]{{1,{LONGEST}}})\Z")
_LABEL = rf"[^{_APART}.!*'`%^~$]{{1,63}}"
# The last label of a name is no number; without a dot it is no digest, version or tag either.
_DOMAIN = re.compile(
    rf"\[[^\]\s]{{1,64}}\]|\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?![\w.-])|(?:{_LABEL}\.){{1,20}}(?!\d){_LABEL}"
    rf"|(?!\d|(?:sha\d+|md5):|(?:v\d|latest|next|main|master|HEAD)\b){_LABEL}"
)
# A Slack channel as PostHog stores it: "C0123456789|#growth".
_CHANNEL = re.compile(r"\b[CDG][A-Z0-9]{8,}\|#?[\w.-]+")


def has_address(text: str) -> tuple[str, str] | None:
    """Return the first mail address in a text in its usual spelling, and its domain in lower case; None without one."""
    return next(((address, domain) for address, domain, _, _ in _met(text)), None)


def replace_addresses(text: str, by: Callable[[str, str], str]) -> str:
    """Return a text with `by(address, domain)` for each mail address and, with an empty domain, each Slack channel."""
    pieces, end = [], 0
    for address, domain, begins, ends in _met(text):
        pieces += [text[end:begins], by(address, domain)]
        end = ends
    text = "".join([*pieces, text[end:]]) if pieces else text
    return _CHANNEL.sub(lambda met: by(met[0], ""), text) if "|" in text else text


def _met(text: str) -> Iterator[tuple[str, str, int, int]]:
    """Yield each address, its domain, its start and its end; searches from each @ to both sides, so in linear time."""
    if "@" not in text and text.isascii() and not ("%" in text or "\\" in text or "&" in text):
        return
    end = 0
    for at in _AT.finditer(text):
        domain = _DOMAIN.match(text, at.end())
        begins = max(end, at.start() - LONGEST - 2)
        local = _LOCAL.search(text[begins : at.start()]) if domain else None
        if domain and local:
            end = domain.end()
            plain = local[0].replace('\\"', '"')
            named = domain[0].lower()
            yield (
                f"{unquote(plain) if at[0][0] == '%' else plain}@{named}",
                named,
                begins + local.start(),
                end,
            )
