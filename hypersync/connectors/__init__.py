"""Adapters to silos: each reads and writes one kind, under the contract of `ports.connector`."""
