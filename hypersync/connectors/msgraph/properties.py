"""What users and groups of Microsoft Graph have, and what may be done with it. Pure.

After https://learn.microsoft.com/graph/api/resources/user and .../resources/group. A name with a
slash is a part of a property that has parts: ``employeeOrgData/division``. ``manager`` and
``members`` are references to other objects by id. ``password`` is written and never read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PASSWORD: Final = "password"  # noqa: S105 - the name of an attribute
MANAGER: Final = "manager"
MEMBERS: Final = "members"
ENABLED: Final = "accountEnabled"
VISIBILITY: Final = "visibility"
HIDDEN_MEMBERSHIP: Final = "HiddenMembership"
SEES_HIDDEN: Final = "Member.Read.Hidden"
"""The permission without which Graph shows a group whose membership is hidden, and no members."""
OF_THEIR_OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "employeeLeaveDateTime": (
        "User-LifeCycleInfo.Read.All",
        "User-LifeCycleInfo.ReadWrite.All",
    )
}
"""Attributes that the permissions to read a type do not show, and those that do."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One collection of Graph; the names are in the order in which they are asked for.

    ``texts``, ``flags`` and ``lists`` may be written, ``given`` (of which ``given_lists`` hold
    several values) may not. ``references`` lead to other objects. ``key`` is what tells a new
    object from one that is there. ``at_first`` is what a new one gets unless the change says
    otherwise. The permissions are those that an application may have, the least one first.
    """

    name: str
    texts: tuple[str, ...]
    flags: tuple[str, ...]
    lists: tuple[str, ...]
    given: tuple[str, ...]
    given_lists: tuple[str, ...]
    references: tuple[str, ...]
    key: str
    reading: tuple[str, ...]
    writing: tuple[str, ...]
    at_first: Mapping[str, bool]

    @property
    def singular(self) -> str:
        """What one of them is called."""
        return self.name.removesuffix("s")

    @property
    def switches_accounts(self) -> bool:
        """Whether they are accounts, with a password and a switch."""
        return ENABLED in self.flags

    @property
    def several(self) -> frozenset[str]:
        """The names of what holds several values."""
        return frozenset({*self.lists, *self.given_lists, *({MEMBERS} & {*self.references})})

    @property
    def read_only(self) -> frozenset[str]:
        """The names of what nobody may write."""
        return frozenset({*self.given, *self.given_lists})

    @property
    def readable(self) -> tuple[str, ...]:
        """All names that can be read."""
        own = (*self.texts, *self.flags, *self.lists, *self.given, *self.given_lists)
        return (*own, *self.references)


USERS: Final = Resource(
    name="users",
    texts=(
        *_words(
            "userPrincipalName displayName givenName surname mail mailNickname jobTitle department "
            "companyName officeLocation employeeId employeeType employeeHireDate "
            "employeeLeaveDateTime mobilePhone faxNumber streetAddress city state postalCode "
            "country usageLocation preferredLanguage preferredDataLocation userType ageGroup "
            "consentProvidedForMinor passwordPolicies onPremisesImmutableId "
            "employeeOrgData/division employeeOrgData/costCenter"
        ),
        *(f"onPremisesExtensionAttributes/extensionAttribute{n}" for n in range(1, 16)),
    ),
    flags=(ENABLED, "showInAddressList"),
    lists=("businessPhones", "otherMails"),
    given=_words(
        "createdDateTime creationType externalUserState lastPasswordChangeDateTime "
        "onPremisesDistinguishedName onPremisesDomainName onPremisesLastSyncDateTime "
        "onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled "
        "onPremisesUserPrincipalName securityIdentifier signInSessionsValidFromDateTime"
    ),
    given_lists=("imAddresses", "proxyAddresses"),
    references=(MANAGER,),
    key="userPrincipalName",
    reading=(
        "User.Read.All",
        "User.ReadWrite.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
    ),
    writing=("User.ReadWrite.All", "Directory.ReadWrite.All"),
    at_first={},
)
GROUPS: Final = Resource(
    name="groups",
    texts=_words(
        "displayName description mailNickname visibility classification membershipRule "
        "membershipRuleProcessingState preferredDataLocation preferredLanguage theme"
    ),
    flags=("mailEnabled", "securityEnabled", "isAssignableToRole"),
    lists=("groupTypes",),
    given=_words(
        "createdDateTime expirationDateTime mail onPremisesDomainName onPremisesLastSyncDateTime "
        "onPremisesNetBiosName onPremisesSamAccountName onPremisesSecurityIdentifier "
        "onPremisesSyncEnabled renewedDateTime securityIdentifier"
    ),
    given_lists=("proxyAddresses",),
    references=(MEMBERS,),
    key="mailNickname",
    reading=(
        "Group.Read.All",
        "Group.ReadWrite.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
    ),
    writing=("Group.ReadWrite.All", "Directory.ReadWrite.All"),
    at_first={"mailEnabled": False, "securityEnabled": True},
)
RESOURCES: Final[Mapping[str, Resource]] = {each.name: each for each in (USERS, GROUPS)}


@dataclass(frozen=True, slots=True)
class Cloud:
    """Where a cloud's Graph is, and where one signs in."""

    graph: str
    authority: str


CLOUDS: Final[Mapping[str, Cloud]] = {
    "global": Cloud("https://graph.microsoft.com", "https://login.microsoftonline.com"),
    "us_government": Cloud("https://graph.microsoft.us", "https://login.microsoftonline.us"),
    "us_dod": Cloud("https://dod-graph.microsoft.us", "https://login.microsoftonline.us"),
    "china": Cloud("https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn"),
}
"""https://learn.microsoft.com/graph/deployments"""
