"""One extraction: which lists are read, how far, what each walk proves, and which rows are deleted."""
