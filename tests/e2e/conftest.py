"""The fixtures of the stories."""

from tests.browser import browser

__all__ = ["browser"]
