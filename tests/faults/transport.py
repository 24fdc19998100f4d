"""How PostHog and the network between can answer, or not."""

from tests.faults.fault import Fault, Kind

TRANSPORT = Kind(
    "transport",
    "HTTP and transport",
    (
        Fault(
            "transport.refused",
            "the connection is refused",
            "tried again with back-off, then one sentence that names the host and what to check",
        ),
    ),
)
