"""The store port for identities, their keys, and which are pending."""

from __future__ import annotations

from typing import Protocol


class Identities(Protocol):
    """Identities, their keys, and which are pending."""
