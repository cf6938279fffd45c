"""The functions expressions may call, registered by importing their modules. Pure."""

from hypersync.rulebook.functions import directory, lists, presence, text, time, world
from hypersync.rulebook.registry import FUNCTIONS

__all__ = ["FUNCTIONS", "directory", "lists", "presence", "text", "time", "world"]
