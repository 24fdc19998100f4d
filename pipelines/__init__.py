"""Runs hogsync: one sync, the commands and the schedule."""
