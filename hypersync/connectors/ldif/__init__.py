"""Reads LDIF files; the way in is `connector`."""
