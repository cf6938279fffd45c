"""The properties of users and groups: which exist, which are shown unasked, which may be written.

https://learn.microsoft.com/graph/api/resources/user and .../resources/group; what is stored
elsewhere than in the directory (mailbox settings, skills, sign-in activity) is not here. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """What the service holds."""

    USER = "user"
    GROUP = "group"

    @property
    def collection(self) -> str:
        """The name in addresses."""
        return f"{self.value}s"

    @property
    def type(self) -> str:
        """The value of ``@odata.type``."""
        return f"#microsoft.graph.{self.value}"

    @property
    def label(self) -> str:
        """The name in sentences."""
        return self.value.capitalize()


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties:
    """What one kind has. ``text``, ``flags`` and ``lists`` may be written, ``given`` may not."""

    text: frozenset[str]
    flags: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    objects: frozenset[str] = frozenset()
    given: frozenset[str] = frozenset()
    shown: tuple[str, ...] = ()
    """What is shown when nothing is selected."""
    required: tuple[str, ...] = ()
    fixed: frozenset[str] = frozenset()
    """Given when created and never changed."""
    at_first: dict[str, object] = field(default_factory=dict)
    navigation: frozenset[str] = frozenset()

    @property
    def writable(self) -> frozenset[str]:
        """All that may be written."""
        return self.text | self.flags | self.lists | self.objects

    @property
    def known(self) -> frozenset[str]:
        """All there are."""
        return self.writable | self.given


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_USER = Properties(
    text=_names(
        "ageGroup city companyName consentProvidedForMinor country department displayName "
        "employeeId employeeType faxNumber givenName jobTitle mail mailNickname mobilePhone "
        "officeLocation onPremisesImmutableId passwordPolicies postalCode preferredDataLocation "
        "preferredLanguage state streetAddress surname usageLocation userPrincipalName userType "
        "employeeHireDate employeeLeaveDateTime"
    ),
    flags=frozenset({"accountEnabled", "showInAddressList"}),
    lists=frozenset({"businessPhones", "otherMails"}),
    objects=frozenset(
        {"passwordProfile", "employeeOrgData", "onPremisesExtensionAttributes", "identities"}
    ),
    given=_names(
        "assignedLicenses assignedPlans createdDateTime creationType deletedDateTime "
        "externalUserState id imAddresses lastPasswordChangeDateTime onPremisesDistinguishedName "
        "onPremisesDomainName onPremisesLastSyncDateTime onPremisesSamAccountName "
        "onPremisesSecurityIdentifier onPremisesSyncEnabled onPremisesUserPrincipalName "
        "proxyAddresses securityIdentifier signInSessionsValidFromDateTime"
    ),
    shown=(
        "businessPhones",
        "displayName",
        "givenName",
        "jobTitle",
        "mail",
        "mobilePhone",
        "officeLocation",
        "preferredLanguage",
        "surname",
        "userPrincipalName",
        "id",
    ),
    required=("accountEnabled", "displayName", "mailNickname", "userPrincipalName"),
    at_first={"businessPhones": [], "otherMails": [], "proxyAddresses": [], "userType": "Member"},
    navigation=frozenset({"manager"}),
)

_GROUP = Properties(
    text=_names(
        "classification description displayName mailNickname membershipRule "
        "membershipRuleProcessingState preferredDataLocation preferredLanguage theme "
        "visibility"
    ),
    flags=frozenset({"mailEnabled", "securityEnabled", "isAssignableToRole"}),
    lists=frozenset({"groupTypes", "resourceBehaviorOptions", "resourceProvisioningOptions"}),
    given=_names(
        "createdDateTime creationOptions deletedDateTime expirationDateTime id mail "
        "onPremisesDomainName onPremisesLastSyncDateTime onPremisesNetBiosName "
        "onPremisesProvisioningErrors onPremisesSamAccountName onPremisesSecurityIdentifier "
        "onPremisesSyncEnabled proxyAddresses renewedDateTime securityIdentifier"
    ),
    shown=(
        "id",
        "deletedDateTime",
        "classification",
        "createdDateTime",
        "description",
        "displayName",
        "groupTypes",
        "mail",
        "mailEnabled",
        "mailNickname",
        "onPremisesLastSyncDateTime",
        "onPremisesSecurityIdentifier",
        "onPremisesSyncEnabled",
        "preferredDataLocation",
        "proxyAddresses",
        "renewedDateTime",
        "resourceBehaviorOptions",
        "resourceProvisioningOptions",
        "securityEnabled",
        "visibility",
        "onPremisesProvisioningErrors",
    ),
    required=("displayName", "mailEnabled", "mailNickname", "securityEnabled"),
    fixed=frozenset({"isAssignableToRole"}),
    at_first={
        "groupTypes": [],
        "proxyAddresses": [],
        "resourceBehaviorOptions": [],
        "resourceProvisioningOptions": [],
        "onPremisesProvisioningErrors": [],
    },
    navigation=frozenset({"members"}),
)

PROPERTIES = {Kind.USER: _USER, Kind.GROUP: _GROUP}
SECRET = frozenset({"passwordProfile"})
"""Written and never read: Graph answers null."""
