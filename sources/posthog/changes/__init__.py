"""Batches of a walk and the stored rows -> the rows to write."""
