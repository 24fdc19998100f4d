"""Addresses are found in every spelling, by the one rule that logs and rows share."""

from __future__ import annotations

import time

import pytest

from pipelines.logs import redacted
from sources.posthog.redaction.mail_addresses import has_address, replace_addresses

ADDRESSES = {
    "Ann <ann@x.org>": "ann@x.org",
    "mailto:ann@x.org?subject=x": "ann@x.org",
    "mailto:ann%40x.org": "ann@x.org",
    "?to=ann%2540x.org&x=1": "ann@x.org",
    "root@localhost": "root@localhost",
    "550 josé@x.org unknown": "josé@x.org",
    "jose\u0301@x.org": "jose\u0301@x.org",
    "ann@münchen.de": "ann@münchen.de",
    "ann@xn--mnchen-3ya.de": "ann@xn--mnchen-3ya.de",
    "用户@例子.广告": "用户@例子.广告",
    "ann＠x．org": "ann@x．org",
    "ann\\u0040x.org": "ann@x.org",
    "ann&#64;x.org": "ann@x.org",
    '"a b"@x.org': '"a b"@x.org',
    '\\"a b\\"@x.org': '"a b"@x.org',
    "o'brien@x.org": "o'brien@x.org",
    "'ann@x.org'": "ann@x.org",
    "`ann@x.org`": "ann@x.org",
    "ann@[10.0.0.1]": "ann@[10.0.0.1]",
    "root@10.0.0.1": "root@10.0.0.1",
    "ann+b@sub.X_y.ORG.": "ann+b@sub.x_y.org",
    "ann@163.com": "ann@163.com",
    "💩@💩.la": "💩@💩.la",
    "user:ann@corp:25": "ann@corp",
}


@pytest.mark.fault("security.any_address")
@pytest.mark.parametrize("text", ADDRESSES)
def test_an_address_is_found_in_every_spelling_and_leaves_every_log(text: str) -> None:
    address = ADDRESSES[text]
    assert has_address(text) == (address, address.rpartition("@")[2])
    assert replace_addresses(text, lambda address, _: f"<{address}>").count(f"<{address}>") == 1
    local = address.partition("@")[0].strip('"')
    assert local not in redacted(f"it failed: {text}")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "@mention",
            "to @mention",
            "a @ b",
            "image@sha256:abcdef",
            "pkg@1.2.3",
            "pkg@1.2.3-beta.1",
            "checkout@v4",
        ),
        *(
            "pkg@^1.2.3",
            "pkg@latest",
            "@scope/pkg",
            "100%",
            "50%40",
            "x@",
            "@",
            "https://medium.com/@user",
            "",
        ),
    ],
)
def test_what_only_looks_like_an_address_is_none(text: str) -> None:
    assert has_address(text) is None
    assert replace_addresses(text, lambda *_: "[address]") == text


def test_each_of_several_addresses_is_replaced_and_the_text_between_stays() -> None:
    text = "from ann@x.org, bob@y.org; in C0123456789|#growth"
    assert replace_addresses(text, lambda *_: "*") == "from *, *; in *"


@pytest.mark.parametrize("piece", ["@", "a@", "%40", "x", "a.", '"', "\\u0040"])
def test_no_text_takes_longer_than_its_length_explains(piece: str) -> None:
    text, begun = piece * 30_000 + "@", time.perf_counter()
    replace_addresses(text, lambda *_: "*")
    assert time.perf_counter() - begun < 2
