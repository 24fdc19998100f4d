"""How a command of hogsync's came to its end."""

from __future__ import annotations

import re
from dataclasses import dataclass

LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (INFO|WARNING|ERROR) ")
SECRET = re.compile(r"ph[a-z]_\w|hunter22|canarysecret|two words")
"""What no command may ever say: a key of these tests, or a part of one."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that came to its end."""

    code: int
    out: str
    err: str

    @property
    def sentences(self) -> list[str]:
        """Lines of stderr that are no log lines."""
        return [line for line in self.err.splitlines() if not LOG_LINE.match(line)]

    @property
    def said(self) -> str:
        """The one sentence on stderr; there is no traceback, and nothing secret."""
        for text in (self.out, self.err):
            assert "Traceback" not in text, text
            assert not SECRET.search(text)
        assert len(self.sentences) == 1, self.err
        assert self.sentences[0].endswith((".", "!", "?")), self.err
        return self.sentences[0]

    def refusal(self, code: int) -> str:
        """The one sentence with which the command was refused."""
        assert self.code == code, self
        return self.said
