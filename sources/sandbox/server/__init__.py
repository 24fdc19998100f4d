"""The HTTP server: Django without apps, PostHog's routes and its throttles."""
