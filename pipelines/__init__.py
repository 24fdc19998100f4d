"""What runs: one sync, the commands and the schedule around it."""
