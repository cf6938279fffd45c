"""Made-up people and departments, as many as are wanted; the same every time."""

from __future__ import annotations

import uuid

from tests.services.graph.properties import Kind
from tests.services.graph.tenant import Tenant

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
        if user_id(number) in directory.entries:
            continue
        values = {
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
        entry = directory.create(Kind.USER, values, now, id_=user_id(number))
        if managers and number >= 10:
            directory.set_manager(entry, user_id(number // 10))
    for number in range(groups):
        if group_id(number) in directory.entries:
            continue
        values = {
            "displayName": f"Department {number:02}",
            "mailEnabled": False,
            "mailNickname": f"d{number:02}",
            "securityEnabled": True,
        }
        entry = directory.create(Kind.GROUP, values, now, id_=group_id(number))
        directory.add_members(entry, [user_id(each) for each in range(number, users, groups)])
