"""Makes up a company of some two thousand people, the same one every time.

HR knows everybody; the directory has accounts for all but the joiners, and is a few changes of
department and title behind. Every thirteenth name or so has an accent or a double surname, because
real ones do.
"""

from __future__ import annotations

import csv
import random
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

PEOPLE = 2000
JOINERS = 40
MOVED = 18
PROMOTED = 9
LEAVERS = 300

DEPARTMENTS = {
    "Sales": ("Account Manager", "Sales Engineer", "Sales Assistant"),
    "Engineering": ("Software Engineer", "Test Engineer", "Site Reliability Engineer"),
    "Finance": ("Accountant", "Controller", "Payroll Specialist"),
    "Operations": ("Planner", "Technician", "Shift Lead"),
    "Support": ("Support Agent", "Support Engineer", "Trainer"),
    "People": ("Recruiter", "People Partner", "Office Manager"),
}
_GIVEN = [
    "Ada",
    "Aiko",
    "Amir",
    "Anna",
    "Arjun",
    "Bea",
    "Björn",
    "Carla",
    "Chidi",
    "Clara",
    "Dario",
    "Dina",
    "Elif",
    "Emil",
    "Farah",
    "Femi",
    "Gita",
    "Hana",
    "Hugo",
    "Ines",
    "Ivan",
    "Jade",
    "João",
    "Kofi",
    "Lena",
    "Liam",
    "Luz",
    "Maja",
    "Marek",
    "Mina",
    "Nadia",
    "Nils",
    "Noor",
    "Omar",
    "Pia",
    "Quentin",
    "Rafael",
    "Rosa",
    "Samir",
    "Sara",
    "Søren",
    "Tara",
    "Teo",
    "Uma",
    "Viktor",
    "Wanda",
    "Xenia",
    "Yara",
    "Yusuf",
    "Zoë",
]
_SURNAMES = [
    "Abebe",
    "Almeida",
    "Andersson",
    "Baker",
    "Bianchi",
    "Castro",
    "Chen",
    "Cohen",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Fontaine",
    "García",
    "Gupta",
    "Haddad",
    "Hansen",
    "Ito",
    "Ivanova",
    "Jansen",
    "Johnson",
    "Kaya",
    "Kim",
    "Kowalski",
    "Kumar",
    "Lang",
    "Lopes",
    "Martin",
    "Mbeki",
    "Meyer",
    "Moreau",
    "Müller",
    "Nakamura",
    "Nguyen",
    "Novák",
    "Okafor",
    "Olsen",
    "Park",
    "Patel",
    "Pereira",
    "Petrov",
    "Quinn",
    "Rahman",
    "Rossi",
    "Sato",
    "Schmidt",
    "Silva",
    "Singh",
    "Smith",
    "Tanaka",
    "Torres",
    "Ueda",
    "Vargas",
    "Virtanen",
    "Wagner",
    "Weber",
    "Yilmaz",
    "Zhang",
    "Zimmermann",
]
HR_COLUMNS = (
    "employeeId",
    "given",
    "surname",
    "displayName",
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
    dice = random.Random(seed)  # noqa: S311 - made-up people, not secrets
    people = tuple(_person(number, dice) for number in range(1, size + 1))
    accounts = [_as_before(person, dice) for person in people[: size - JOINERS]]
    return Company(people, tuple(accounts))


def _person(number: int, dice: random.Random) -> Person:
    department = dice.choice(list(DEPARTMENTS))
    title, level = dice.choice(DEPARTMENTS[department]), ""
    surname = dice.choice(_SURNAMES)
    if dice.random() < 0.07:
        surname = f"{surname}-{dice.choice(_SURNAMES)}"
    if number <= 4:
        title, level = ("Chief Executive", "Chief Finance Officer", "CTO", "COO")[number - 1], "C"
    elif number <= 16:
        title, level = f"Vice President {department}", "VP"
    elif number % 14 == 0:
        title, level = f"Team Lead {department}", "M"
    return Person(number, dice.choice(_GIVEN), surname, department, title, level)


def _as_before(person: Person, dice: random.Random) -> Person:
    """Return what the directory still says about a person."""
    if 100 < person.number <= 100 + MOVED:
        other = dice.choice([name for name in DEPARTMENTS if name != person.department])
        return replace(person, department=other)
    if 200 < person.number <= 200 + PROMOTED:
        return replace(person, title="Trainee")
    return person


def with_bad_news(company: Company) -> tuple[Person, ...]:
    """Return the people after HR's bad file: 300 have left, and one VIP has a new title."""
    first = len(company.people) // 2
    return tuple(
        replace(person, left=True)
        if first <= person.number < first + LEAVERS
        else replace(person, title="Chief Revenue Officer")
        if person.number == company.vip.number
        else person
        for person in company.people
    )


def write_hr(path: Path, people: Iterable[Person]) -> None:
    """Write HR's file the way HR does: all of it, every time."""
    rows = (
        {
            "employeeId": person.employee_id,
            "given": person.given,
            "surname": person.surname,
            "displayName": person.name,
            "department": person.department,
            "title": person.title,
            "level": person.level,
            "manager": f"E{max(1, person.number // 14):04d}",
            "startDate": "2026-12-01" if person.number > PEOPLE - JOINERS else "2021-04-01",
            "status": "left" if person.left else "active",
        }
        for person in people
    )
    _write(path, HR_COLUMNS, rows)


def write_directory(path: Path, accounts: Iterable[Person]) -> None:
    """Write the directory as a file; account names are first letter and surname, made unique."""
    taken: dict[str, int] = {}

    def row(person: Person) -> dict[str, str]:
        name = _ascii(person.given[:1] + person.surname).lower()
        taken[name] = taken.get(name, 0) + 1
        uid = name if taken[name] == 1 else f"{name}{taken[name]}"
        return {
            "uid": uid,
            "employeeNumber": person.employee_id,
            "displayName": person.name,
            "mail": f"{uid}@example.org",
            "department": person.department,
            "title": person.title,
            "active": "true",
        }

    _write(path, DIRECTORY_COLUMNS, map(row, accounts))


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
