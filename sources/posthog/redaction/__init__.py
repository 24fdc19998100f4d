"""Finds what must not be quoted or stored: credentials and mail addresses in texts and names."""
