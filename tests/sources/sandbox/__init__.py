"""Tests of the sandbox: is it the PostHog that it says it is."""
