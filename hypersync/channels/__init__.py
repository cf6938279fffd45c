"""Channels deliver one message each; they know no other part of the program."""
