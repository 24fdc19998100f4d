"""What reaches a log never holds a secret, whoever wrote it and however it went wrong."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipelines.logs import hide, redacted

ROOT = Path(__file__).parents[2]
WRITER = """
import logging, sys
from pipelines import logs
logs.set_up(bare=len(sys.argv) > 1)
logs.hide(["hunter22", "p@ss/word", "äöü-live", "abc"])
ours, root, dlt = (logging.getLogger(name) for name in ("hogsync", "another.library", "dlt"))
dlt.propagate = False
dlt.addHandler(logging.StreamHandler())
ours.info("a %s of %s rows", "page", 7)
ours.warning("key %s for %s", "phx_live_0123456789", "someone@example.com")
ours.warning("postgresql://admin:hunter22@db/x and password=hunter22 and p@ss/word and äöü-live and abc, abcd")
ours.warning("two\\nlines and \\x1b[2J a command")
root.info("not ours")
root.warning("not ours either: phc_token0123456789")
dlt.warning("dlt says phx_live_0123456789")
logging.getLogger("httpx").info("HTTP Request: GET http://x")
ours.warning("wrong %d arguments", "phx_live_0123456789")
try:
    try:
        raise ValueError("inner hunter22 someone@example.com")
    except ValueError as inner:
        raise RuntimeError("outer phs_0123456789") from inner
except RuntimeError:
    ours.exception("it failed")
    root.exception("it failed there too")
"""


def written(*words: str) -> str:
    done = subprocess.run([sys.executable, "-c", WRITER, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return done.stderr


@pytest.mark.fault("security.logs")
@pytest.mark.parametrize("words", [(), ("bare",)])
def test_no_secret_token_password_or_address_reaches_a_log(words: tuple[str, ...]) -> None:
    log = written(*words)
    for secret in ("0123456789", "hunter22", "p@ss/word", "äöü-live", "someone@example.com", " abc,", "\x1b"):
        assert secret not in log


def test_what_is_said_around_the_secrets_stays() -> None:
    log = written()
    assert "INFO a page of 7 rows\n" in log
    assert "key [secret] for [address]" in log
    assert "abcd" in log
    assert "two lines and" in log
    assert "ValueError: inner [secret] [address]" in log
    assert "RuntimeError: outer [secret]" in log
    assert 'File "<string>", line' in log


def test_others_are_heard_from_warnings_on_and_requests_are_not_listed() -> None:
    log = written()
    assert "not ours\n" not in log
    assert "not ours either" in log
    assert "HTTP Request" not in log


def test_a_terminal_gets_the_message_alone() -> None:
    assert written("bare").startswith("a page of 7 rows\n")


IN_JSON = """
import logging, sys, warnings
from pipelines import logs, settings
logs.set_up()
ours = logging.getLogger("hogsync")
with logs.held():
    ours.warning("before the settings are read")
    loaded = settings.load({"HOGSYNC_LOG": {"format": "json", "level": "debug"}})
    logs.follow(loaded)
logs.hide(["hunter22"])
logs.concern(loaded, run_id="run 1")
ours.debug("two\\nlines of %s", "phx_live_0123456789", extra={"table": "cohorts"})
ours.info("of another one", extra={"connection": "eu"})
warnings.warn("a warning of Python's")
import dlt
from dlt.common import logger
dlt.pipeline("one", destination="duckdb")
logger.warning("dlt says hunter22")
logs.tell("the end of it", ValueError("hunter22"))
raise RuntimeError("nobody expected hunter22\\nand a row")
"""


def test_each_line_of_json_is_one_object_with_what_it_is_about() -> None:
    done = subprocess.run([sys.executable, "-c", IN_JSON], capture_output=True, text=True)
    assert done.returncode == 1
    assert not done.stdout
    assert "hunter22" not in done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {tuple(line)[:6] for line in lines} == {
        ("time", "level", "message", "run_id", "connection", "table")
    }
    told = [
        tuple(line[name] for name in ("level", "message", "run_id", "connection", "table")) for line in lines
    ]
    begun = ("run 1", "default", None)
    assert told[:3] == [
        ("warning", "before the settings are read", None, None, None),
        ("debug", "two lines of [secret]", "run 1", "default", "cohorts"),
        ("info", "of another one", "run 1", "eu", None),
    ]
    assert told[-3:] == [
        ("warning", "dlt says [secret]", *begun),
        ("error", "the end of it", *begun),
        ("critical", "RuntimeError: this is a bug in hogsync.", *begun),
    ]
    assert [line["exception"].splitlines()[-1] for line in lines if "exception" in line] == [
        "ValueError: [secret]",
        "RuntimeError: nobody expected [secret]",
    ]
    assert all(datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0) for line in lines)


def test_a_longer_secret_is_hidden_before_a_shorter_one_in_it() -> None:
    hide(["tiger", "tiger-lily", ""])
    assert redacted("tiger-lily tiger") == "[secret] [secret]"


@pytest.mark.parametrize("room", ["pipelines", "destinations"])
def test_nothing_of_our_own_sentences_is_taken_for_a_secret(room: str) -> None:
    """Code stands for what is put in; the sandbox's invitation is meant to show a key and is no log line."""
    files = (ROOT / room).rglob("*.py")
    texts = [text for file in files for text in sentences(ast.parse(file.read_text("utf-8")))]
    changed = [text for text in texts if redacted(text) != text and "to practise on listens" not in text]
    assert (len(texts) > 100, changed) == (True, [])


def sentences(tree: ast.AST) -> Iterator[str]:
    """The texts of a module that hold a blank; docstrings of settings are shown as their meanings."""
    for node in ast.walk(tree):
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        texts = [
            str(part.value) if isinstance(part, ast.Constant) else "it"
            for part in parts
            if isinstance(part, ast.Constant | ast.FormattedValue)
        ]
        if " " in "".join(texts):
            yield "".join(texts)


def test_our_own_examples_stay_and_what_stands_beside_them_does_not() -> None:
    example = "write postgresql://user:password@host/database"
    assert redacted(f"{example}, not postgresql://admin:tig3r@host/database") == (
        f"{example}, not postgresql://[secret]host/database"
    )
    key = "put POSTHOG_PERSONAL_API_KEY=phx_… into .env"
    assert (
        redacted(f"{key}, not POSTHOG_PERSONAL_API_KEY=phx_0123456789")
        == f"{key}, not POSTHOG_PERSONAL_[secret]"
    )


def test_a_password_that_is_a_word_of_ours_is_hidden_where_passwords_stand() -> None:
    hide(["hogsync", "posthog"])
    assert redacted("`hogsync sync` into the dataset posthog") == "`hogsync sync` into the dataset posthog"
    said = redacted("postgresql://posthog:posthog@db/x password=hogsync")
    assert said == "postgresql://[secret]db/x [secret]"
