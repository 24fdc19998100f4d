"""Whoever is measured: each module is a process of its own."""
