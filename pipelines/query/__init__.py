"""One question in SQL to the warehouse, and how its answer is written."""
