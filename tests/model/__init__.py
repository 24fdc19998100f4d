"""The nine laws of a sync as a model: a small company, everything that can happen to it, and what must hold then."""
