"""The scene on which extractions are tested: one company for all tests, as it was at the start of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from sources.sandbox import Sandbox
from tests.component.half_read import long_list  # noqa: F401  a fixture
from tests.component.scene import Scene, beside

ONE_CERTIFICATE = Path(__file__).parents[1] / "sources/posthog/client/loopback.pem"


@pytest.fixture(autouse=True)
def few_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is encrypted here, so no client need read a hundred authorities' certificates, which takes 40 ms."""
    monkeypatch.setenv("SSL_CERT_FILE", str(ONE_CERTIFICATE))


@pytest.fixture
def scene(posthog: Sandbox, tmp_path: Path) -> Scene:
    """The company beside an empty warehouse in memory."""
    return beside(posthog, tmp_path / "home")
