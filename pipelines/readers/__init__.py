"""What lets others read beside the sync: the published copy of a DuckDB file, and the grants to a role of Postgres."""
