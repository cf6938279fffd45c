"""Reads and writes Active Directory; the way in is `connector`."""
