"""What a sync costs, beside what it could cost: `make bench`."""
