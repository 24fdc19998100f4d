"""Where rows go: DuckDB or Postgres."""
