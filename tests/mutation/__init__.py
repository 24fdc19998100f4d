"""Safety rules, taken away one at a time: some test must then fail. `python -m tests.mutation` shows that it does."""
