"""What users rely on, as it was: each text file here is compared with what the program says today.

A file changes only with a decision: `make snapshots` writes all of them anew, and their difference is what users meet.
"""
