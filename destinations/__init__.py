"""The warehouses that rows are written to: DuckDB or Postgres."""
