"""How a test learns what settings say to a mistake."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipelines.errors import UsageError
from pipelines.settings import load


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """`refusal(POSTHOG_HOST="x")` is the one sentence with which these settings are refused."""

    def ask(**variables: str) -> str:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(UsageError) as caught:
            load()
        sentence = str(caught.value)
        assert "\n" not in sentence
        assert "pydantic" not in sentence
        assert sentence.endswith((".", "?"))
        return sentence

    return ask
