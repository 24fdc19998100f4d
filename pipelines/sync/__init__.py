"""One sync: read PostHog, load what changed, derive history and trends, record what happened."""
