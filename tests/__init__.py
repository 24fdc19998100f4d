"""The tests mirror the tree; every folder is a package, or `tests/sources` would hide `sources`."""
