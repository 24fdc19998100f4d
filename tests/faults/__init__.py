"""What can go wrong, by kind, and the tests that provoke it: `python -m tests.faults` writes FAULTS.md."""
