"""PostHog's API: who asks, which lists there are, how a row is shown."""
