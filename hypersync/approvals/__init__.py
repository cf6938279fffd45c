"""Asking and answering: requests are opened, moved on, delivered and decided here."""
