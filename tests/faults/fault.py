"""The word for a fault; a test claims one by `@pytest.mark.fault("transport.reset")`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens, and what must hold then."""

    name: str
    """`kind.fault`, as tests write it."""
    happens: str
    holds: str
    unprovoked: str = ""
    """Why no test provokes it, or not all of it; empty where tests do."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Faults of one kind: a section of FAULTS.md."""

    name: str
    title: str
    faults: tuple[Fault, ...]
