"""Reads and writes CSV files; the way in is `connector`."""
