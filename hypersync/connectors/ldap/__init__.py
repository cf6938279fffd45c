"""Reads and writes LDAP directories; the way in is `connector`."""
