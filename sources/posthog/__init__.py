"""PostHog's admin metadata as a dlt source."""
