"""A rulebook of twenty rules and a store of two silos in step, for the benchmarks.

Objects have twenty attributes and about 490 bytes of JSON. The directory is what the rules make of
HR, so that a sync has nothing to do until `change` says otherwise.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from hypersync.app import App, build
from hypersync.config.load import load_configuration
from hypersync.model.canonical import digest, encode
from hypersync.model.joins import join_key
from hypersync.ports.store.objects import NewObject
from hypersync.store.engine import open_engine
from hypersync.store.schema import prepare
from hypersync.store.unit import Store

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
DEPARTMENTS = ("Sales", "IT", "Finance", "Legal", "Research", "Support", "Logistics", "HR")

MAIN = """\
public_url: http://127.0.0.1:8080
database: sqlite:///var/hypersync.db
secret_keys: ["a-key-for-benchmarks"]
silos:
  hr:
    connector: csv
    types: {person: {path: data/hr.csv, anchor: employeeId}}
  dir:
    connector: csv
    write: true
    types:
      user:
        path: data/dir.csv
        anchor: uid
        enabled: {attribute: active, when_on: "true", when_off: "false"}
joins:
  - {slot: hr, silo: hr, type: person, value: "lower(strip(employeeId))"}
  - {slot: dir, silo: dir, type: user, value: "lower(strip(employeeNumber))"}
vip: [{name: executives, when: "present(hr.level) and hr.level in ('C', 'VP')"}]
"""

_RULES = """\
ruleset: users
defaults: {throttle: 1h, threshold: {limit: 5%}}
scopes:
  active: "hr.status == 'active'"
  local: "hr.country == 'FR' or hr.country == 'DE'"
rules:
  - id: provision
    kind: provision
    target: dir
    scopes: [active]
    set: {uid: hr.employeeId, employeeNumber: hr.employeeId}
  - id: disable
    kind: deprovision
    target: dir
    when: "hr.status == 'left' and dir.enabled"
    do: disable
  - id: vanished
    kind: deprovision
    target: dir
    when: "hr.was_present and not hr.exists and dir.enabled"
    do: disable
  - id: rehire
    kind: update
    target: dir
    scopes: [active]
    when: "not dir.enabled and hr.rehired == 'yes'"
    do: enable
"""
_FLOWS = (
    ("department", "hr.department"), ("title", "hr.title"), ("givenName", "hr.given"),
    ("sn", "hr.surname"), ("displayName", "hr.given + ' ' + hr.surname"), ("phone", "hr.phone"),
    ("city", "hr.city"), ("street", "hr.street"), ("zip", "hr.zip"), ("country", "hr.country"),
    ("company", "hr.company"), ("costCentre", "hr.costCentre"), ("room", "hr.room"),
    ("manager", "hr.manager"), ("employeeType", "hr.kind"), ("language", "lower(hr.country)"),
)  # fmt: skip


def rules() -> str:
    """Return the text of twenty rules: four of a life cycle and sixteen flows."""
    flows = [
        f"  - {{id: flow-{name}, kind: update, target: dir, "
        f'scopes: [{"local" if number % 5 == 4 else "active"}], set: {{{name}: "{value}"}}}}'
        for number, (name, value) in enumerate(_FLOWS)
    ]
    return _RULES + "\n".join(flows) + "\n"


def person(number: int) -> dict[str, str]:
    """Return what HR knows of a person: twenty attributes."""
    return {
        "employeeId": f"E{number:07d}",
        "given": f"Given{number % 997}",
        "surname": f"Surname{number % 7919}",
        "department": DEPARTMENTS[number % 8],
        "title": f"Title {number % 113}",
        "phone": f"+33 1 23 45 {number % 10000:04d}",
        "city": f"City {number % 211}",
        "street": f"{number % 300} Long Street",
        "zip": f"{number % 99999:05d}",
        "country": ("FR", "DE", "IT", "ES")[number % 4],
        "company": "ACME Corporation",
        "costCentre": f"CC-{number % 499}",
        "room": f"B{number % 40}-{number % 17}",
        "manager": f"E{number // 9:07d}",
        "kind": "employee" if number % 11 else "contractor",
        "status": "active",
        "level": "C" if number == 7 else "",
        "startDate": "2020-01-01",
        "notes": "x" * 40,
        "costObject": f"CO-{number % 77}",
    }


def account(of: dict[str, str]) -> dict[str, str]:
    """Return the account that the rules want for a person."""
    return {
        "uid": of["employeeId"],
        "employeeNumber": of["employeeId"],
        "department": of["department"],
        "title": of["title"],
        "givenName": of["given"],
        "sn": of["surname"],
        "displayName": f"{of['given']} {of['surname']}",
        "phone": of["phone"],
        "city": of["city"],
        "street": of["street"],
        "zip": of["zip"],
        "country": of["country"],
        "company": of["company"],
        "costCentre": of["costCentre"],
        "room": of["room"],
        "manager": of["manager"],
        "employeeType": of["kind"],
        "language": of["country"].lower(),
        "active": "true",
        "origin": "benchmark data",
    }


def make(folder: Path, size: int) -> App:
    """Make a project and a store with ``size`` people and their accounts; return its app."""
    for name, text in (("config/hypersync.yaml", MAIN), ("rules/users.yaml", rules())):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    configuration = load_configuration(
        folder / "config/hypersync.yaml", None, process_environment={}
    )
    engine = open_engine(configuration.database_url)
    prepare(engine)
    fill(Store(engine), size)
    engine.dispose()
    return build(configuration, started_by="benchmark")


def fill(store: Store, size: int) -> None:
    """Store people and accounts as a first scan leaves them."""
    with store.begin() as unit:
        hr = unit.scans.register("hr", ["person"])["person"].id
        users = unit.scans.register("dir", ["user"])["user"].id
        for start in range(0, size, 10_000):
            numbers = range(start, min(size, start + 10_000))
            people = [person(number) for number in numbers]
            ids = unit.identities.reserve(len(people))
            keys = [join_key(one["employeeId"].lower()) for one in people]
            unit.identities.add(list(zip(ids, keys, strict=True)))
            for kind, slot, anchor, rows in (
                (hr, "hr", "employeeId", people),
                (users, "dir", "uid", [account(one) for one in people]),
            ):
                objects = unit.objects.reserve(len(rows))
                unit.objects.add(
                    kind,
                    [
                        _stored(number, identity, slot, key, anchor, row)
                        for number, identity, key, row in zip(objects, ids, keys, rows, strict=True)
                    ],
                    "benchmark",
                    NOW,
                )
        for kind in (hr, users):
            unit.scans.raise_live(kind, size)
            unit.scans.applied_type(kind, None, NOW)


def _stored(
    number: int, identity: int, slot: str, key: str, anchor: str, row: dict[str, str]
) -> NewObject:
    canonical = encode({name: value or None for name, value in row.items()})
    return NewObject(
        number, row[anchor], identity, slot, key, digest(canonical), canonical.decode(), None, None
    )
