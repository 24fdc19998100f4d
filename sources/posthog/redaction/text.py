"""A text -> the same text without credentials and mail addresses, fit for a message or a log line."""

from __future__ import annotations

import re

from sources.posthog.redaction.credentials import without_credentials
from sources.posthog.redaction.mail_addresses import replace_addresses

SHORT = re.compile(r"\bph[a-z]{1,2}_[\w-]+|\b[Bb]earer\s+\S+|(?<=//)[^/\s@]+@")
"""Credentials that are too short, or too little of one, to be told in data; a message can do without them."""


def redacted(text: str) -> str:
    """One printable line without anything that looks like a credential or an e-mail address."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return without_private(line)


def without_private(text: str) -> str:
    """A text without anything that looks like a credential or an address."""
    return replace_addresses(
        without_credentials(SHORT.sub("[secret]", text)), lambda _address, _domain: "[address]"
    )
