"""Cuts JSON that is nested deeper than a parser, a database or the search for credentials can go."""

from __future__ import annotations

import re

DEEPEST = 500
"""Levels of a page that are kept; Python itself goes 1,000 deep, its own frames included."""
_MARKS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


def cut_below(body: bytes) -> bytes:
    """Return the JSON with null for each object and list beyond DEEPEST levels.

    Their text is not kept: a credential in it could not be recognised.
    """
    depth, done, pieces = 0, 0, []
    for mark in _MARKS.finditer(body):
        if body[mark.start()] in b"[{":
            depth += 1
            if depth == DEEPEST + 1:
                pieces += [body[done : mark.start()], b"null"]
        elif body[mark.start()] in b"]}":
            if depth == DEEPEST + 1:
                done = mark.end()
            depth -= 1
    return b"".join([*pieces, body[done:]])
