"""The sections of the bench by name, in the order in which they are run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.bench.bench import Bench
from tests.bench.sections.catalogue import catalogue
from tests.bench.sections.history import history
from tests.bench.sections.latency import latency, sixty, small_lists
from tests.bench.sections.loads import ceiling, changed, first, unchanged
from tests.bench.sections.memory import memory
from tests.bench.sections.requests import requests
from tests.bench.sections.startup import startup
from tests.bench.sections.steady import steady

SECTIONS: Mapping[str, Callable[[Bench], None]] = {
    "ceiling": ceiling,
    "startup": startup,
    "requests": requests,
    "first": first,
    "unchanged": unchanged,
    "changed": changed,
    "history": history,
    "latency": latency,
    "sixty": sixty,
    "small-lists": small_lists,
    "memory": memory,
    "steady": steady,
    "catalogue": catalogue,
}
