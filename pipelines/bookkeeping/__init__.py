"""The `_hogsync_*` tables: their schema, the state that a run reads from them, the records that it writes."""
