"""Writes log lines to stderr, without secrets: current credentials, tokens, passwords in URLs, e-mail addresses."""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
from collections.abc import Iterable

from pipelines.console import printable, visible, write_line
from sources.posthog.redaction.text import without_private

OURS = ("hogsync", "pipelines", "sources", "destinations")
PASSWORD = re.compile(r"(?i)\b(password=)('[^']*'|[^\s&]+)")
EXAMPLES = re.compile(r"(postgresql://user:password@host/database|POSTHOG_PERSONAL_API_KEY=phx_…)")
"""Examples in hogsync's own messages, which look like credentials and are none."""
PLAIN = frozenset(
    {"database", "duckdb", "hogsync", "password", "postgres", "postgresql", "posthog", "secret"}
)
"""Words of hogsync's own messages: a password that is one of them is hidden only where a password is expected."""
SHORT = 4
"""A secret shorter than this is hidden only as a whole word: otherwise it would hide half of every line."""

_secrets: set[str] = set()


def hide(secrets: Iterable[str]) -> None:
    """Hide these texts in all further output of this process."""
    _secrets.update(filter(None, secrets))


def redacted(text: str) -> str:
    """Return `text` without secrets; its lines and hogsync's own examples stay."""
    pieces = EXAMPLES.split(text)  # each second one is an example
    pieces[::2] = map(_redacted, pieces[::2])
    return "".join(pieces)


def _redacted(text: str) -> str:
    return without_private(PASSWORD.sub(r"\1[secret]", without(_secrets, text)))


def without(secrets: Iterable[str], text: str) -> str:
    """Return `text` without these secrets; longer ones are replaced first."""
    for secret in sorted(
        {secret for secret in secrets if secret and secret.lower() not in PLAIN}, key=len, reverse=True
    ):
        alone = rf"(?<!\w){re.escape(secret)}(?!\w)"
        text = text.replace(secret, "[secret]") if len(secret) >= SHORT else re.sub(alone, "[secret]", text)
    return text


def redacted_traceback(error: BaseException) -> str:
    """Return an error's redacted traceback, causes included.

    Only the first line of a message is kept: in later lines databases quote the rows that they refuse.
    """
    chain = [error]
    while (cause := chain[0].__cause__ or chain[0].__context__) and cause not in chain:
        chain.insert(0, cause)
    lines = []
    for each in chain:
        frames = "".join(traceback.format_tb(each.__traceback__)).splitlines()
        message = (str(each).strip().splitlines() or [""])[0]
        lines += ["Traceback (most recent call last):", *frames, f"{type(each).__qualname__}: {message}"]
    return redacted("\n".join(map(visible, lines)))


class Redacting(logging.Filter):
    """Redacts the message, arguments and exception of each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record and let it pass."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001  a library's wrong arguments must not stop a run
            message = str(record.msg)
        record.msg, record.args = redacted(printable(message)), None
        if record.exc_info and record.exc_info[1]:
            record.exc_text = redacted_traceback(record.exc_info[1])
        record.exc_info = record.stack_info = None
        return True


class _ToStderr(logging.Handler):
    """Writes to the current stderr: a progress display replaces it for a time."""

    def emit(self, record: logging.LogRecord) -> None:
        write_line(self.format(record), sys.stderr)


def set_up(level: int = logging.INFO, *, bare: bool = False) -> None:
    """Log to stderr: hogsync from `level` on, others from WARNING on; `bare` (a terminal) omits time and level."""
    lines = logging.Formatter(
        "%(message)s" if bare else "%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ"
    )
    lines.converter = time.gmtime
    handler = _ToStderr()
    handler.setFormatter(lines)
    handler.addFilter(Redacting())
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    logging.getLogger("hogsync.warnings").setLevel(min(level, logging.WARNING))
    logging.getLogger("dlt").addFilter(Redacting())  # dlt has a handler of its own
