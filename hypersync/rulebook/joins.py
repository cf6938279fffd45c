"""Join rules: which objects of a type belong together, by the normal form of a value. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

from hypersync.errors import EvaluationError
from hypersync.model.objects import Attributes, Value
from hypersync.rulebook.functions.text import text
from hypersync.rulebook.generate import compile_bare
from hypersync.rulebook.nodes import Compiled
from hypersync.rulebook.operators import truth


# without slots: before Python 3.11.4 they would replace the way it is pickled
@dataclass(frozen=True, kw_only=True)
class JoinRule:
    """One entry of ``joins:``: which objects of a type take part under which key.

    ``index`` is its position in file order. With ``none`` each object is its own identity. The key
    is compared by the normal form that `key` gives; values in ``never_join`` stand alone.
    """

    index: int
    slot: str
    silo: str
    type: str
    value: Compiled | None = None
    where: Compiled | None = None
    never_join: frozenset[str] = frozenset()
    exact: bool = False
    none: bool = False
    _value: Callable[[Attributes], Value] | None = field(init=False, repr=False, compare=False)
    _where: Callable[[Attributes], Value] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_value", self.value and compile_bare(self.value))
        object.__setattr__(self, "_where", self.where and compile_bare(self.where))

    def __getstate__(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in _JOIN_FIELDS)

    def __setstate__(self, state: tuple[object, ...]) -> None:
        for name, value in zip(_JOIN_FIELDS, state, strict=True):
            object.__setattr__(self, name, value)
        self.__post_init__()

    def holds(self, attributes: Attributes) -> bool:
        """Tell whether the object is one of this slot; unknown is not.

        Raises `EvaluationError`.
        """
        return self._where is None or truth(self._where(attributes)) is True

    def key(self, attributes: Attributes) -> str | None:
        """Return the object's normal join value; ``None`` when it stands alone.

        Raises `EvaluationError` when the value is neither text nor a number.
        """
        if self._value is None:
            return None
        value = self._value(attributes)
        if value is None:
            return None
        normal = normal_key(value, exact=self.exact)
        return None if not normal or normal in self.never_join else normal


_JOIN_FIELDS = ("index", "slot", "silo", "type", "value", "where", "never_join", "exact", "none")


def normal_key(value: object, *, exact: bool) -> str:
    """Return the normal form in which join values are compared: text, NFC, stripped, casefolded.

    ``exact`` keeps upper and lower case apart. Raises `EvaluationError` for lists and bytes.
    """
    if isinstance(value, bool | bytes | tuple):
        raise EvaluationError(f"a join value must be text or a number, not {value!r:.60}")
    plain = unicodedata.normalize("NFC", text(value)).strip()
    return plain if exact else plain.casefold()
