"""How a test learns what settings say to a mistake; the scene on which whole syncs are tested."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipelines.errors import UsageError
from pipelines.settings import load
from tests.pipelines.half_read import file_dying, long_list  # noqa: F401  fixtures
from tests.pipelines.one_cohort import one  # noqa: F401  a fixture
from tests.truth.scene import (  # noqa: F401  fixtures
    beginning,
    canary_company,
    company,
    file_scene,
    other_company,
    posthog,
    scene,
)
from tests.truth.served import original, served  # noqa: F401  fixtures


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
