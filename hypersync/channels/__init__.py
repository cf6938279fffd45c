"""Channels: each delivers one message to one address."""
