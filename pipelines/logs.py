"""Where log lines go, and what never gets into them: live secrets, tokens, passwords in URLs, e-mail addresses."""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
from collections.abc import Iterable

from pipelines.console import printable, write_line
from sources.posthog.redaction.text import without_private

OURS = ("hogsync", "pipelines", "sources", "destinations")
PASSWORD = re.compile(r"(?i)\b(password=)('[^']*'|[^\s&]+)")
EXAMPLES = re.compile(r"postgresql://user:password@host/database|POSTHOG_PERSONAL_API_KEY=phx_…")
"""What our own advice shows as an example; it looks like a credential and is none."""
PLAIN = frozenset(
    {"database", "duckdb", "hogsync", "password", "postgres", "postgresql", "posthog", "secret"}
)
"""Words of our own messages: a password that is one of them is hidden where passwords stand, not wherever it stands."""
SHORT = 4
"""A secret below this length is hidden only where it stands alone: else it would blacken half of every line."""

_secrets: set[str] = set()


def hide(secrets: Iterable[str]) -> None:
    """Never show these again in this process."""
    _secrets.update(filter(None, secrets))


def redacted(text: str) -> str:
    """`text` without anything secret; its lines stay, and our own examples."""
    pieces, end = [], 0
    for example in EXAMPLES.finditer(text):
        pieces += [_redacted(text[end : example.start()]), example[0]]
        end = example.end()
    return "".join([*pieces, _redacted(text[end:])])


def _redacted(text: str) -> str:
    return without_private(PASSWORD.sub(r"\1[secret]", without(_secrets, text)))


def without(secrets: Iterable[str], text: str) -> str:
    """`text` without these secrets, the longer ones first."""
    for secret in sorted(
        {secret for secret in secrets if secret and secret.lower() not in PLAIN}, key=len, reverse=True
    ):
        alone = rf"(?<!\w){re.escape(secret)}(?!\w)"
        text = text.replace(secret, "[secret]") if len(secret) >= SHORT else re.sub(alone, "[secret]", text)
    return text


def told(error: BaseException) -> str:
    """An error's whole traceback, causes included, fit to be shown.

    Of what an error says only the first line: below it databases quote the rows that they refuse.
    """
    chain = [error]
    while (cause := chain[0].__cause__ or chain[0].__context__) and cause not in chain:
        chain.insert(0, cause)
    lines = []
    for each in chain:
        lines += [
            "Traceback (most recent call last):",
            *"".join(traceback.format_tb(each.__traceback__)).splitlines(),
        ]
        lines.append(f"{type(each).__qualname__}: {(str(each).strip().splitlines() or [''])[0]}")
    return redacted("\n".join(_indented(line) for line in lines))


def _indented(line: str) -> str:
    words = line.lstrip(" ")
    return " " * (len(line) - len(words)) + printable(words)


class Redacting(logging.Filter):
    """Makes each record fit to be shown: message, arguments and exception."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything pass, redacted."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001  a library's wrong arguments must not stop a run
            message = str(record.msg)
        record.msg, record.args = redacted(printable(message)), None
        if record.exc_info and record.exc_info[1]:
            record.exc_text = told(record.exc_info[1])
        record.exc_info = record.stack_info = None
        return True


class _ToStderr(logging.Handler):
    """Writes to what is stderr at that moment: a progress display puts itself in between."""

    def emit(self, record: logging.LogRecord) -> None:
        write_line(self.format(record), sys.stderr)


def set_up(level: int = logging.INFO, *, bare: bool = False) -> None:
    """Send our records from `level` on, and others' warnings, to stderr; `bare` (a terminal) without time and level."""
    lines = logging.Formatter("%(message)s" if bare else "%(asctime)s %(levelname)s %(message)s")
    lines.converter, lines.default_time_format, lines.default_msec_format = (
        time.gmtime,
        "%Y-%m-%dT%H:%M:%SZ",
        "",
    )
    handler = _ToStderr()
    handler.setFormatter(lines)
    handler.addFilter(Redacting())
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    logging.getLogger("hogsync.warnings").setLevel(min(level, logging.WARNING))
    logging.getLogger("dlt").addFilter(Redacting())  # it has a handler of its own
