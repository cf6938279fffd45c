"""Reads and writes services that speak SCIM 2.0; the way in is `connector`."""
