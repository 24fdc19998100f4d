"""The control interface for tests: edits, faults, snapshots, and the exact truth."""
