"""Datasets that earlier versions of hogsync wrote, kept as SQL: today's hogsync must go on with them.

`company.json` is the PostHog that they were read from, `story` is what happened in it meanwhile.
`python -m tests.earlier HOGSYNC NAME` writes the two datasets of another version: HOGSYNC is its command, and NAME
begins the names of their files.
"""
