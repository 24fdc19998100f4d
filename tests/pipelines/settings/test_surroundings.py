"""What other programs have set is out of the way for a while, and then as it was."""

from __future__ import annotations

import os

import pytest

from pipelines.settings.surroundings import set_aside


def test_variables_are_gone_inside_and_back_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEIRS", "set")
    monkeypatch.delenv("NOBODYS", raising=False)
    with set_aside(("THEIRS", "NOBODYS")):
        assert "THEIRS" not in os.environ
    assert os.environ["THEIRS"] == "set"
    assert "NOBODYS" not in os.environ


def test_variables_are_back_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEIRS", "set")
    with pytest.raises(ZeroDivisionError), set_aside(("THEIRS",)):
        _ = 1 / 0
    assert os.environ["THEIRS"] == "set"
