"""Seals the audit trail into a hash chain, and finds what was changed in it afterwards."""
