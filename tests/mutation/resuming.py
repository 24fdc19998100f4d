"""Rules of sparing requests: what may be left unread because it was read before."""

from tests.mutation.mutation import Mutation

STREAMS = "pipelines/test_sync_streams.py::test_"
WALK = "sources/posthog/walk.py"

RESUMING_RULES = (
    Mutation(
        "another key asks every list once",
        WALK,
        'else f"{said} {sees}"',
        "else said",
        (f"{STREAMS}another_key_asks_every_subscription_once[duckdb]",),
    ),
)
