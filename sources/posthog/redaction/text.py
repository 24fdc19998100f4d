"""Removes credentials and mail addresses from a text, so that it is fit for a message or a log line."""

from __future__ import annotations

import re

from sources.posthog.redaction.credentials import without_credentials
from sources.posthog.redaction.mail_addresses import replace_addresses

SHORT = re.compile(r"\bph[a-z]{1,2}_[\w-]+|\b[Bb]earer\s+\S+|(?<=//)[^/\s@]+@")
"""Credentials too short, or too incomplete, to be recognised in data; a message can do without them."""


def redacted(text: str) -> str:
    """Return a text as one printable line, without anything that looks like a credential or an e-mail address."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return without_private(line)


def without_private(text: str) -> str:
    """Return a text without anything that looks like a credential or an address."""
    return replace_addresses(
        without_credentials(SHORT.sub("[secret]", text)), lambda _address, _domain: "[address]"
    )
