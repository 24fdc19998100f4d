"""The scene on which extractions are tested: one company for all tests, as it was at the start of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sources.sandbox import Sandbox, start
from tests.component.half_read import long_list  # noqa: F401  a fixture
from tests.component.scene import Scene, beside

ONE_CERTIFICATE = Path(__file__).parents[1] / "sources/posthog/loopback.pem"


@pytest.fixture(scope="session")
def kept_company() -> Iterator[Sandbox]:
    """A company that can be gone back to."""
    with start() as sandbox:
        sandbox.keep()
        yield sandbox


@pytest.fixture(autouse=True)
def few_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is encrypted here, so no client need read a hundred authorities' certificates, which takes 40 ms."""
    monkeypatch.setenv("SSL_CERT_FILE", str(ONE_CERTIFICATE))


@pytest.fixture
def posthog(kept_company: Sandbox) -> Sandbox:
    """The company as it was at the start, answering well."""
    kept_company.rewind()
    return kept_company


@pytest.fixture
def scene(posthog: Sandbox, tmp_path: Path) -> Scene:
    """The company beside an empty warehouse in memory."""
    return beside(posthog, tmp_path / "home")
