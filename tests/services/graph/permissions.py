"""Which application permissions a request needs; any one of them will do. Pure.

The tables "Permissions" of the pages of https://learn.microsoft.com/graph/api/overview. Left out:
permissions for single properties, and those that only see what the application itself made.
"""

from __future__ import annotations

from collections.abc import Collection

from tests.services.graph.wire import Problem

_DIRECTORY_READ = {"Directory.Read.All", "Directory.ReadWrite.All"}
_DIRECTORY_WRITE = {"Directory.ReadWrite.All"}
USERS_READ = frozenset({"User.Read.All", "User.ReadWrite.All"} | _DIRECTORY_READ)
USERS_WRITE = frozenset({"User.ReadWrite.All"} | _DIRECTORY_WRITE)
USERS_DELETE = frozenset({"User.ReadWrite.All", "User.DeleteRestore.All"} | _DIRECTORY_WRITE)
GROUPS_READ = frozenset(
    {"GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All"} | _DIRECTORY_READ
)
GROUPS_CREATE = frozenset({"Group.Create", "Group.ReadWrite.All"} | _DIRECTORY_WRITE)
GROUPS_WRITE = frozenset({"Group.ReadWrite.All"} | _DIRECTORY_WRITE)
MEMBERS_WRITE = frozenset({"GroupMember.ReadWrite.All", "Group.ReadWrite.All"} | _DIRECTORY_WRITE)
MEMBERS_READ = frozenset({"GroupMember.ReadWrite.All"} | GROUPS_READ)
DELETED_READ = USERS_READ | GROUPS_READ
DELETED_WRITE = USERS_DELETE | GROUPS_WRITE
TENANT_READ = frozenset({"Organization.Read.All", "Domain.Read.All"} | _DIRECTORY_READ)
ANY: frozenset[str] = frozenset()
HIDDEN_READ = frozenset({"Member.Read.Hidden"})
"""Without it a group whose membership is hidden is answered as if it had no members."""

EVERYTHING = frozenset({"User.ReadWrite.All", "Group.ReadWrite.All", "Directory.Read.All"})
"""What an application has that may do all that this service can."""


def require(roles: Collection[str], needed: frozenset[str]) -> None:
    """Raise `Problem` unless one of the permissions is there."""
    if needed and needed.isdisjoint(roles):
        raise Problem(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )
