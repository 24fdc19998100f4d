"""Answers one SQL query on the warehouse, and writes the result."""
