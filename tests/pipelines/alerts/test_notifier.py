"""Notifiers that are down, wrong or slow take fewer messages, and hold nobody for long."""

from __future__ import annotations

import time

import pytest
from pydantic import SecretStr

from pipelines.alerts.notifier import notifiers, send, trial
from tests.harness.cli import hogsync
from tests.harness.notified import Listener


@pytest.mark.fault("process.notifier_down")
def test_each_notifier_takes_what_it_can_and_one_that_hangs_holds_nobody(listener: Listener) -> None:
    urls = [SecretStr(url) for url in (listener.url, "json://127.0.0.1:9/token", "nonsense://token", "token")]
    taken = send([trial(), trial()], notifiers(urls))
    assert list(taken.values()) == [2, 0, 0, 0]
    assert not any("token" in who or "secret" in who for who in taken)
    listener.hangs.set()
    began = time.monotonic()
    assert list(send([trial()], notifiers(urls[:1]), seconds=0.5).values()) == [0]
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ([], 0, "Notifier 1 of [alerts] urls (json) took the message."),
        (["json://127.0.0.1:9/token"], 1, "Notifier 2 of [alerts] urls (json) did not take the message"),
    ],
)
def test_alerts_test_says_who_took_the_message(
    listener: Listener, more: list[str], code: int, words: str
) -> None:
    ended = hogsync("alerts", "test", HOGSYNC_ALERTS__URLS=",".join([listener.url, *more]))
    assert (ended.code, words in ended.out) == (code, True)
    assert "token" not in ended.out + ended.err
    assert [message["title"] for message in listener.posted] == ["hogsync: a test"]


def test_alerts_test_without_anybody_to_tell_is_a_wrong_setting() -> None:
    ended = hogsync("alerts", "test")
    assert (ended.code, "HOGSYNC_ALERTS__URLS" in ended.err) == (2, True)
