"""What a run reads: which lists, below which rows, in full or from where on, and what it skips or leaves for later."""
