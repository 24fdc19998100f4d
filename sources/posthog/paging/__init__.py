"""Pages of one list: `get(path, params)` -> a generator of pages."""
