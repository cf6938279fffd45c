"""Silos that are files; see `real_silos`."""

from __future__ import annotations

from pathlib import Path

from hypersync.connectors.csv_file.connector import CsvConnector
from hypersync.connectors.ldif.connector import LdifConnector
from tests import slapd
from tests.place import GROUP, USER, Place, settings_of


def in_csv(folder: Path) -> Place:
    users: dict[str, str] = {}
    groups = folder / "groups.csv"
    groups.write_text("cn,member\n")
    types = {
        USER: {"path": "users.csv", "anchor": "uid"},
        GROUP: {"path": "groups.csv", "anchor": "cn", "members": "member"},
    }

    def save() -> None:
        rows = "".join(f"{uid},{number}\n" for uid, number in users.items())
        (folder / "users.csv").write_text(f"uid,number\n{rows}")

    def add(name: str, number: str) -> str:
        users[name] = number
        save()
        return name

    def remove(name: str) -> None:
        del users[name]
        save()

    def remake(name: str, number: str) -> None:
        remove(name)
        add(f"{name}-again", number)

    def circle(member: str) -> str:
        groups.write_text(f"cn,member\nloop,loop;{member}\n")
        return "loop"

    connector = CsvConnector(settings_of(CsvConnector, folder, {"types": types}))
    return Place(
        kind="csv",
        connector=connector,
        number="number",
        add=add,
        remake=remake,
        remove=remove,
        circle=circle,
    )


def in_ldif(folder: Path) -> Place:
    entries: dict[str, str] = {}
    (folder / "all.ldif").write_text(slapd.TREE)
    types = {
        USER: {"path": "all.ldif", "object_class": ["person"]},
        GROUP: {"path": "all.ldif", "object_class": ["groupOfNames"], "members": "member"},
    }

    def save(name: str, entry: str | None, anchor: str = "") -> None:
        entries.pop(name, None)
        if entry is not None:
            own = f"objectClass: person\nentryUUID: {anchor or name}"
            entries[name] = f"{entry.rstrip()}\n{own}\n\n"
        (folder / "all.ldif").write_text("".join(entries.values()))

    def add(name: str, number: str) -> str:
        save(name, slapd.person(name, employeeNumber=number))
        return f"cn={name},{slapd.PEOPLE}"

    def remake(name: str, number: str) -> None:
        save(name, slapd.person(name, employeeNumber=number), f"{name}-again")

    def circle(member: str) -> str:
        loop = f"cn=loop,{slapd.GROUPS}"
        save("loop", slapd.group("loop", [loop, member]))
        return loop

    connector = LdifConnector(settings_of(LdifConnector, folder, {"types": types}))
    return Place(
        kind="ldif",
        connector=connector,
        number="employeeNumber",
        add=add,
        remake=remake,
        remove=lambda name: save(name, None),
        circle=circle,
    )
