"""Makes up a company of some two thousand people, the same one every time.

HR knows everybody; the directory has accounts for all but the joiners, and is a few changes of
department and title behind. Every thirteenth name or so has an accent or a double surname, because
real ones do.
"""

from __future__ import annotations

import csv
import random
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

PEOPLE = 2000
JOINERS = 40
MOVED = 18
PROMOTED = 9
LEAVERS = 300
REAL_LEAVERS = 3
BOUGHT = "ACME"
OURS = "Example"
_FIRST_BOUGHT = 1000
_FIRST_LEAVER = 1500
VICE_PRESIDENTS = 12
NEW_TITLE = "Chief Revenue Officer"
_CHIEFS = ("Chief Executive", "Chief Finance Officer", "CTO", "COO")
_FIRST_MOVED = 101
_FIRST_PROMOTED = 201

DEPARTMENTS = {
    "Sales": ("Account Manager", "Sales Engineer", "Sales Assistant"),
    "Engineering": ("Software Engineer", "Test Engineer", "Site Reliability Engineer"),
    "Finance": ("Accountant", "Controller", "Payroll Specialist"),
    "Operations": ("Planner", "Technician", "Shift Lead"),
    "Support": ("Support Agent", "Support Engineer", "Trainer"),
    "People": ("Recruiter", "People Partner", "Office Manager"),
}
_GIVEN_NAMES = """
Ada Aiko Amir Anna Arjun Bea Björn Carla Chidi Clara Dario Dina Elif Emil Farah Femi
Gita Hana Hugo Ines Ivan Jade João Kofi Lena Liam Luz Maja Marek Mina Nadia Nils Noor
Omar Pia Quentin Rafael Rosa Samir Sara Søren Tara Teo Uma Viktor Wanda Xenia Yara Yusuf
Zoë
"""
_SURNAMES = """
Abebe Almeida Andersson Baker Bianchi Castro Chen Cohen Dubois Eriksen Fischer Fontaine
García Gupta Haddad Hansen Ito Ivanova Jansen Johnson Kaya Kim Kowalski Kumar Lang Lopes
Martin Mbeki Meyer Moreau Müller Nakamura Nguyen Novák Okafor Olsen Park Patel Pereira
Petrov Quinn Rahman Rossi Sato Schmidt Silva Singh Smith Tanaka Torres Ueda Vargas
Virtanen Wagner Weber Yilmaz Zhang Zimmermann
"""
HR_COLUMNS = (
    "employeeId",
    "given",
    "surname",
    "displayName",
    "company",
    "department",
    "title",
    "level",
    "manager",
    "startDate",
    "status",
)
DIRECTORY_COLUMNS = (
    "uid",
    "employeeNumber",
    "displayName",
    "mail",
    "department",
    "title",
    "active",
)


@dataclass(frozen=True, slots=True)
class Person:
    """One employee as HR knows them; ``level`` is C, VP, M or empty."""

    number: int
    given: str
    surname: str
    department: str
    title: str
    level: str
    company: str = OURS
    starts: str = "2021-04-01"
    left: bool = False

    @property
    def employee_id(self) -> str:
        """The number on the badge."""
        return f"E{self.number:04d}"

    @property
    def name(self) -> str:
        """The name people use."""
        return f"{self.given} {self.surname}"


@dataclass(frozen=True, slots=True)
class Company:
    """Everybody HR knows, and who of them has an account with what in it."""

    people: tuple[Person, ...]
    accounts: tuple[Person, ...]

    @property
    def vip(self) -> Person:
        """The vice president whose title will change."""
        return next(person for person in self.people if person.level == "VP")


def make_company(size: int = PEOPLE, seed: int = 7) -> Company:
    """Make up the company: ``size`` people, all but the joiners with accounts."""
    maker = _Maker(seed)
    known = tuple(maker.person(number) for number in range(1, size - JOINERS + 1))
    joiners = tuple(
        replace(maker.person(number), starts="2026-12-01")
        for number in range(size - JOINERS + 1, size + 1)
    )
    return Company(known + joiners, tuple(maker.as_before(person) for person in known))


class _Maker:
    """Makes up people with dice of its own, so that they are the same ones every time."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - made-up people, not secrets
        self._given = _GIVEN_NAMES.split()
        self._surnames = _SURNAMES.split()

    def person(self, number: int) -> Person:
        """Make up one person: chiefs first, then vice presidents, then everybody else."""
        department = self._dice.choice(list(DEPARTMENTS))
        title, level = self._dice.choice(DEPARTMENTS[department]), ""
        surname = self._dice.choice(self._surnames)
        if self._dice.random() < 0.07:
            surname = f"{surname}-{self._dice.choice(self._surnames)}"
        if number <= len(_CHIEFS):
            title, level = _CHIEFS[number - 1], "C"
        elif number <= len(_CHIEFS) + VICE_PRESIDENTS:
            title, level = f"Vice President {department}", "VP"
        elif number % 14 == 0:
            title, level = f"Team Lead {department}", "M"
        given = self._dice.choice(self._given)
        bought = _FIRST_BOUGHT <= number < _FIRST_BOUGHT + LEAVERS - REAL_LEAVERS
        employer = BOUGHT if bought else OURS
        return Person(number, given, surname, department, title, level, employer)

    def as_before(self, person: Person) -> Person:
        """Return what the directory still says about a person."""
        if _FIRST_MOVED <= person.number < _FIRST_MOVED + MOVED:
            others = [name for name in DEPARTMENTS if name != person.department]
            return replace(person, department=self._dice.choice(others))
        if _FIRST_PROMOTED <= person.number < _FIRST_PROMOTED + PROMOTED:
            return replace(person, title="Trainee")
        return person


def with_bad_news(company: Company) -> tuple[Person, ...]:
    """Return the people after HR's bad file.

    All of a company that was bought have left, besides three who really have, and one VIP has a
    new title.
    """
    return tuple(
        replace(person, left=True)
        if person.company == BOUGHT or _has_left(person)
        else replace(person, title=NEW_TITLE)
        if person.number == company.vip.number
        else person
        for person in company.people
    )


def _has_left(person: Person) -> bool:
    return _FIRST_LEAVER <= person.number < _FIRST_LEAVER + REAL_LEAVERS


def write_hr(path: Path, people: Iterable[Person]) -> None:
    """Write HR's file the way HR does: all of it, every time."""
    rows = (
        {
            "employeeId": person.employee_id,
            "given": person.given,
            "surname": person.surname,
            "displayName": person.name,
            "company": person.company,
            "department": person.department,
            "title": person.title,
            "level": person.level,
            "manager": f"E{max(1, person.number // 14):04d}",
            "startDate": person.starts,
            "status": "left" if person.left else "active",
        }
        for person in people
    )
    _write(path, HR_COLUMNS, rows)


def write_directory(path: Path, accounts: Iterable[Person]) -> None:
    """Write the directory as a file."""
    rows = (
        {
            "uid": uid,
            "employeeNumber": person.employee_id,
            "displayName": person.name,
            "mail": f"{uid}@example.org",
            "department": person.department,
            "title": person.title,
            "active": "true",
        }
        for uid, person in account_names(accounts)
    )
    _write(path, DIRECTORY_COLUMNS, rows)


def account_names(people: Iterable[Person]) -> Iterator[tuple[str, Person]]:
    """Yield everybody with an account name: first letter and surname, made unique by a number."""
    taken: dict[str, int] = {}
    for person in people:
        name = _ascii(person.given[:1] + person.surname).lower()
        taken[name] = taken.get(name, 0) + 1
        yield (name if taken[name] == 1 else f"{name}{taken[name]}"), person


def _ascii(text: str) -> str:
    spelled = text.replace("ø", "o").replace("ß", "ss")
    decomposed = unicodedata.normalize("NFKD", spelled)
    return "".join(letter for letter in decomposed if letter.isascii() and letter.isalnum())


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
