"""One extraction after another, beside a warehouse in memory: the rules of reading, without dlt and a database."""
