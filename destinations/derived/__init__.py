"""Tables that are derived inside the warehouse from other tables: histories and trends."""
