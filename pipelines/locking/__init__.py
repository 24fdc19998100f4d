"""One writer at a time per warehouse: a lock that ends with its process."""
