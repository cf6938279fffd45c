"""Made-up people and departments, as many as are wanted; the same every time."""

from __future__ import annotations

import uuid

from tests.services.graph.properties import Kind
from tests.services.graph.tenant import Tenant

SPAN = 10
"""How many report to one manager."""
_HERE = uuid.UUID("6f1c7a52-2c0e-4f6e-9d52-0d1f1a0b7c33")


def user_id(number: int) -> str:
    """Return the id of a numbered user."""
    return str(uuid.uuid5(_HERE, f"user {number}"))


def group_id(number: int) -> str:
    """Return the id of a numbered group."""
    return str(uuid.uuid5(_HERE, f"group {number}"))


def fill(tenant: Tenant, *, users: int = 0, groups: int = 0, managers: bool = False) -> None:
    """Let there be so many numbered users, E000000 and on, and groups that share them evenly."""
    directory, now, domain = tenant.directory, tenant.clock.now(), tenant.domains[0]
    for number in range(users):
        if user_id(number) not in directory.entries:
            user = directory.create(Kind.USER, _user(number, domain), now, id_=user_id(number))
            if managers and number >= SPAN:
                directory.set_manager(user, user_id(number // SPAN))
    for number in range(groups):
        if group_id(number) not in directory.entries:
            group = directory.create(Kind.GROUP, _group(number), now, id_=group_id(number))
            members = [user_id(each) for each in range(number, users, groups)]
            directory.add_members(group, members)


def _user(number: int, domain: str) -> dict[str, object]:
    return {
        "accountEnabled": True,
        "city": f"City {number % 50}",
        "companyName": "Contoso",
        "country": "DE",
        "department": f"D{number % 20:02}",
        "displayName": f"Given{number} Family{number}",
        "employeeId": f"E{number:06}",
        "employeeType": "Employee",
        "givenName": f"Given{number}",
        "jobTitle": "Clerk",
        "mail": f"p{number:06}@{domain}",
        "mailNickname": f"p{number:06}",
        "officeLocation": f"{number % 9}/{number % 400}",
        "surname": f"Family{number}",
        "usageLocation": "DE",
        "userPrincipalName": f"p{number:06}@{domain}",
    }


def _group(number: int) -> dict[str, object]:
    return {
        "displayName": f"Department {number:02}",
        "mailEnabled": False,
        "mailNickname": f"d{number:02}",
        "securityEnabled": True,
    }
