"""The sections of the bench by name, in the order in which they are run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.bench.bench import Bench
from tests.bench.sections.loads import ceiling, changed, first, unchanged

SECTIONS: Mapping[str, Callable[[Bench], None]] = {
    "ceiling": ceiling,
    "first": first,
    "unchanged": unchanged,
    "changed": changed,
}
