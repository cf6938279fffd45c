"""Who looks at the pages or calls the API, and what they may do. Pure.

Roles are those of the configuration: any of them may look, an approver may be asked, an operator
runs previews, commits and undoes, an admin does everything but approve: who approves is said by the
plan of a request, so that being an admin makes nobody an approver.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from hypersync.config.people_models import Role

Proof = Literal["local", "session", "token"]
Scope = Literal["read", "decide", "run", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

_GRANTED_BY: Final[dict[Role, frozenset[Role]]] = {
    "viewer": frozenset({"viewer", "approver", "operator", "admin"}),
    "approver": frozenset({"approver"}),
    "operator": frozenset({"operator", "admin"}),
    "admin": frozenset({"admin"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody who is known.

    ``person`` is their id in the configuration, ``None`` for whoever sits at this machine while no
    sign-in is configured. ``proof`` says how they are known; ``csrf`` is what their forms carry.
    ``scopes`` are those of the ``token`` of the API that they use, ``None`` without one.
    """

    name: str
    roles: frozenset[Role]
    proof: Proof
    person: str | None = None
    csrf: str = ""
    scopes: frozenset[Scope] | None = None
    token: str = ""

    def may(self, role: Role) -> bool:
        """Tell whether they may do what takes a role."""
        return bool(self.roles & _GRANTED_BY[role])

    def has(self, scope: Scope) -> bool:
        """Tell whether how they are known is good for this; what they may do is asked besides."""
        return self.scopes is None or scope in self.scopes


AT_THIS_MACHINE: Final = Visitor(name="", roles=frozenset({"viewer"}), proof="local")
"""Whoever sits at this machine while no sign-in is configured: they look, and decide nothing."""
