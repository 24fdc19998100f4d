"""Writes log lines to stderr, without secrets: current credentials, tokens, passwords in URLs, e-mail addresses.

`set_up` before the settings are read, `follow` with the settings: text, or one JSON object per line (`[log] format`).
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipelines.console import printable, visible, write_line
from pipelines.log_lines import JsonLines, TextLines, concerned
from sources.posthog.redaction.text import without_private

if TYPE_CHECKING:
    from types import TracebackType

    from pipelines.settings import Settings

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

    def __init__(self, level: int, lines: logging.Formatter) -> None:
        super().__init__()
        self.asked, self.text, self.lines = level, lines, lines
        self.held: list[logging.LogRecord] | None = None
        """Records that wait until their format is known; None if records are written at once."""

    def format(self, record: logging.LogRecord) -> str:
        return self.lines.format(record)  # `formatter` is dlt's, which sets that of the handler that it finds

    def emit(self, record: logging.LogRecord) -> None:
        if self.held is None:
            write_line(self.format(record), sys.stderr)
        else:
            self.held.append(record)


_handler = _ToStderr(logging.INFO, TextLines(bare=False))


def set_up(level: int = logging.INFO, *, bare: bool = False) -> None:
    """Log to stderr: hogsync from `level` on, others from WARNING on; `bare` (a terminal) omits time and level."""
    global _handler  # noqa: PLW0603  the handler of this process
    _handler = _ToStderr(level, TextLines(bare=bare))
    _handler.addFilter(Redacting())
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[_handler], force=True)
    logging.captureWarnings(capture=True)
    dlt = logging.getLogger("dlt")
    dlt.handlers = [_handler]  # dlt makes one of its own if it finds none
    dlt.addFilter(Redacting())
    _set_level(level)
    sys.excepthook = _log_uncaught


def _set_level(level: int) -> None:
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    logging.getLogger("hogsync.warnings").setLevel(min(level, logging.WARNING))


def _log_uncaught(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    logging.getLogger("hogsync").critical("%s: this is a bug in hogsync.", kind.__name__, exc_info=error)


@contextmanager
def held() -> Iterator[None]:
    """Hold lines back during the block, in which `follow` may decide how they are written."""
    _handler.held = []
    try:
        yield
    finally:
        waiting, _handler.held = _handler.held, None
        for record in waiting:
            _handler.emit(record)


def follow(settings: Settings) -> None:
    """Hide the secrets of the settings, and write lines as their `[log]` says."""
    hide(settings.secrets)
    in_json = settings.log.format == "json" and not sys.stderr.isatty()
    _handler.lines = JsonLines() if in_json else _handler.text
    is_quiet = _handler.asked >= logging.ERROR
    chosen = None if is_quiet else settings.log.level
    _set_level(logging.getLevelNamesMapping()[chosen.upper()] if chosen else _handler.asked)


def concern(settings: Settings, **fields: str) -> None:
    """Say which connection, and run, all further lines of this process are about."""
    name = settings.connection_name
    concerned.update(fields, connection=name, prefix=f"[{name}] " if settings.connections else "")


def tell(text: str, error: BaseException | None = None) -> None:
    """Write the sentence that ends a command to stderr, and the traceback of `error`; in JSON lines as one of them."""
    if isinstance(_handler.lines, JsonLines):
        logging.getLogger("hogsync").error("%s", text, exc_info=error)
        return
    if error:
        write_line(redacted_traceback(error), sys.stderr)
    write_line(text, sys.stderr)
