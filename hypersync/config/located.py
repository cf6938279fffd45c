"""The base of every configuration model: frozen, closed, and aware of its file and line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, PrivateAttr, model_validator

from hypersync.config.source import Place, Section, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOWHERE = Place("", 0)


class Located(BaseModel):
    """A part of the configuration; ``place()`` says where it, or what stands below it, is."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
    _section: Section | None = PrivateAttr(default=None)

    @model_validator(mode="wrap")
    @classmethod
    def _keep_section(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401
        model = handler(value)
        if isinstance(value, Section):
            model._section = value
        return model

    def place(self, *path: str | int) -> Place:
        """Return file and line of what stands at ``path`` below this, or of this itself.

        ``path`` is written as in the file: ``rule.place("set", "department")``. What came from
        code and not from a file stands in file ``""``, line 0.
        """
        return place_of(self._section, *path) or _NOWHERE

    def is_set(self, key: str) -> bool:
        """Whether the file gives ``key`` itself (a default does not count)."""
        return self._section is not None and key in self._section

    def given(self) -> Mapping[str, Any]:
        """Return what the file gives, as texts, mappings and lists."""
        return self._section if self._section is not None else {}
