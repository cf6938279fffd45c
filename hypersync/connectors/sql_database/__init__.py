"""Reads and writes SQL databases; the way in is `connector`."""
