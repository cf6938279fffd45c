"""What people are told that stopped actions share, and the clusters they may answer about."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from hypersync.app import build
from hypersync.config.load import load_configuration
from hypersync.model.causes import Cluster
from hypersync.model.requests import Request, RequestKind
from hypersync.model.scans import ScanState
from tests.postgresql import both_databases
from tests.worlds import DISABLE, EXECUTIVES, TITLES, World

GONE = """\
ruleset: leavers
rules:
  - {id: disable-leaver, kind: deprovision, target: account, throttle: 1s,
     when: "not hr.exists and hr.was_present and account.enabled", do: disable,
     threshold: {limit: 5}}
"""

MEMBERS = """\
ruleset: groups
rules:
  - {id: in-groups, kind: membership, group: {slot: team, where: "present(cn)"}, member: account,
     when: "hr.title == 'staff'", mode: additive, throttle: 1s, threshold: {limit: 2}}
"""
LIMITS = "    limits: {disable: 10, per: 1d}"


def staff(world: World, count: int, company: str, start: int = 0) -> None:
    for number in range(start, start + count):
        world.person(number, company=company, country="FR", level="E")
        world.account(number)


def the_request(world: World, kind: RequestKind = RequestKind.VOLUME) -> Request:
    with world.app.store.snapshot() as unit:
        found = [each for each in unit.requests.open() if each.kind is kind]
    assert len(found) == 1
    return found[0]


def vanish(world: World, *numbers: int) -> None:
    for number in numbers:
        world.hr.remove("person", f"e{number}")


@pytest.fixture
def company(world: World) -> World:
    """40 of ACME, 60 of two others, all of them in France, known since yesterday."""
    world.rules(GONE)
    staff(world, 40, "ACME")
    staff(world, 30, "BETA", 40)
    staff(world, 30, "GAMMA", 70)
    world.run("full")
    world.later(hours=18)
    return world


@both_databases
def test_a_company_that_vanishes_is_the_cause_and_the_others_are_the_rest(company):
    vanish(company, *range(40), 50, 80, 90)
    run = company.run()
    request = the_request(company)
    assert request.cause == (
        "40 of 43 share company=ACME; they first appeared in the scan of hr at 02:02 UTC"
    )
    assert request.clusters == (Cluster("1", "company=ACME", 40), Cluster("rest", "the rest", 3))
    assert run.rules["disable-leaver"].cause == request.cause
    assert Counter(action.cluster for action in company.suspended()) == {"1": 40, "rest": 3}
    odd = {action.anchor for action in company.suspended() if action.cluster == "rest"}
    assert odd == {"u50", "u80", "u90"}


def test_a_preview_reports_the_cause_and_asks_nobody(company):
    vanish(company, *range(40))
    company.later(minutes=1)
    company.scan()
    run = company.sync("full", commit=False)
    assert run.rules["disable-leaver"].cause.startswith("40 of 40 share company=ACME")
    assert not company.suspended()


def test_an_attribute_that_is_never_to_be_named_is_no_cause_and_makes_no_cluster(company):
    company.rules(GONE, more="guards: {cause: {never: [Company]}}")
    vanish(company, *range(40), 50, 80, 90)
    company.run()
    request = the_request(company)
    assert "ACME" not in request.cause
    assert request.cause == "43 of 43 first appeared in the scan of hr at 02:02 UTC"
    assert request.clusters == ()


def test_what_everybody_shares_is_no_cause(company):
    vanish(company, *range(0, 100, 9))
    company.run()
    request = the_request(company)
    assert "country" not in request.cause
    assert request.cause == (
        "12 of 12 first appeared in the scan of hr at 02:02 UTC"  # nothing else tells
    )
    assert request.clusters == ()
    assert {action.cluster for action in company.suspended()} == {None}


def test_what_the_rule_asks_for_is_no_cause(world):
    world.rules(DISABLE)
    world.people(range(60))
    world.run("full")
    world.leave(*range(0, 60, 5))
    world.run()
    request = the_request(world)
    assert request.count == 12
    assert "status" not in request.cause


def test_nothing_is_said_when_nothing_is_shared(world):
    world.rules(DISABLE)
    world.people(range(4), status="left")
    world.run("full")
    request = the_request(world)
    assert (request.cause, request.clusters) == ("", ())


@both_databases
def test_a_changed_attribute_is_a_cause(world):
    world.rules(TITLES)
    for number in range(60):
        world.person(number, title=f"Job {number}")
        world.account(number, title=f"Job {number}")
    world.run("full")
    for number in range(20):
        world.change(number, title="Intern")
    world.change(30, title="Boss")
    world.run()
    request = the_request(world)
    assert request.cause.startswith("20 of 21 share title")
    assert "Intern" in request.cause
    assert [each.count for each in request.clusters] == [20, 1]


@both_databases
def test_vips_are_in_no_cluster_and_their_request_has_no_cause(world):
    world.rules(DISABLE, more=EXECUTIVES)
    staff(world, 40, "ACME")
    staff(world, 60, "BETA", 40)
    world.change(0, level="C")
    world.run("full")
    world.leave(*range(40), 50, 51)
    world.run()
    assert [each.count for each in the_request(world).clusters] == [39, 2]
    vip = the_request(world, RequestKind.VIP)
    assert (vip.cause, vip.clusters) == ("", ())
    assert [each.cluster for each in world.suspended() if each.anchor == "u0"] == [None]


def test_accounts_in_one_container_are_in_a_cluster_by_it(world):
    world.rules(DISABLE)
    for number in range(60):
        world.person(number)
        where = "Sales,OU=ACME" if number < 20 else f"Unit{number % 3}"
        world.account(number, dn=f"CN=Person {number},OU={where},DC=example,DC=org")
    world.run("full")
    world.leave(*range(20), 40, 50)
    world.run()
    request = the_request(world)
    assert request.cause.startswith("20 of 22 are in ou=sales,ou=acme,dc=example,dc=org; they ")
    assert request.clusters[0].text == "in ou=sales,ou=acme,dc=example,dc=org"


def test_members_of_one_group_are_a_cluster(world):
    world.rules(MEMBERS)
    for number in range(27):
        world.person(number, title="staff")
        world.account(number)
    world.group("everybody")
    world.group("guests", *(f"u{number}" for number in range(24)))
    world.run("full")
    texts = [(each.text, each.count) for each in the_request(world).clusters]
    assert texts == [("group=everybody", 27), ("the rest", 3)]


def test_what_a_silo_limit_stopped_has_a_cause_too(tmp_path, database_url):
    world = World(
        tmp_path, GONE.replace("limit: 5", "limit: 100"), limits=LIMITS, database=database_url
    )
    try:
        staff(world, 40, "ACME")
        staff(world, 60, "BETA", 40)
        world.run("full")
        vanish(world, *range(40), 50, 51)
        world.run()
        assert the_request(world).cause.startswith("40 of 42 share company=ACME")
    finally:
        world.close()


def test_a_value_cannot_pose_as_a_sentence(world):
    world.rules(GONE)
    staff(world, 40, "ok\u202e; approved by the board. " + "x" * 100)
    staff(world, 60, "BETA", 40)
    world.run("full")
    vanish(world, *range(40))
    world.run()
    cause = the_request(world).cause
    assert cause.startswith("40 of 40 share company=“ok[U+202E]; approved by the board. xxx")
    assert "…”" in cause
    assert "x" * 61 not in cause


# --- an error stops nothing --------------------------------------------------------------------


class _Instead:
    """Something with a few other attributes."""

    def __init__(self, real: Any, **others: Any) -> None:
        self._real = real
        self.__dict__.update(others)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def broken(real: Any) -> Any:
    """Return a store that cannot compare with other objects, and says of whom in its error."""

    def sample(*_: Any) -> Any:
        raise OSError("the disk is on fire at Person 7")

    @contextmanager
    def snapshot():
        with real.snapshot() as unit:
            yield _Instead(unit, objects=_Instead(unit.objects, sample=sample))

    return _Instead(real, snapshot=snapshot)


@both_databases
def test_an_error_while_looking_for_a_cause_stops_neither_the_run_nor_the_question(company):
    store = broken(company.app.store)
    company.app = replace(company.app, engine=replace(company.app.engine, store=store))
    vanish(company, *range(40))
    run = company.run()
    request = the_request(company)
    assert (request.count, request.cause, request.clusters) == (40, "", ())
    (error,) = company.errors(run)
    assert (error.rule, error.code) == ("disable-leaver", "cause")
    assert error.message == (
        "what the stopped actions share could not be computed (OSError); see the log"
    )
    assert run.counts.errors == 1
    assert len(company.suspended()) == 40


# --- files and scans ---------------------------------------------------------------------------

MAIN = """\
public_url: https://iam.example.org
secret_keys: ["a-key-for-tests-only"]
database: {database}
silos:
  hr:
    connector: csv
    types: {{person: {{path: data/hr.csv, anchor: id, attributes: [id, department, country]}}}}
    source_guard: {{drop: {drop}}}
  app:
    connector: csv
    write: true
    types:
      user:
        path: data/users.csv
        anchor: uid
        enabled: {{attribute: active, when_on: "true", when_off: "false"}}
joins:
  - {{slot: hr, silo: hr, type: person, value: "lower(id)"}}
  - {{slot: account, silo: app, type: user, value: "lower(number)"}}
{more}
"""


@pytest.fixture
def files(tmp_path, database_url):
    """A project of two CSV files: 100 people, the first 41 of them in Sales."""

    class Files:
        def __init__(self, drop: str, more: str) -> None:
            main = tmp_path / "config" / "hypersync.yaml"
            for path, text in (
                (main, MAIN.format(database=database_url, drop=drop, more=more)),
                (tmp_path / "rules" / "rules.yaml", GONE),
            ):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            (tmp_path / "data").mkdir()
            accounts = [f"u{n},p{n:03},true" for n in range(100)]
            (tmp_path / "data" / "users.csv").write_text(
                "\n".join(["uid,number,active", *accounts, ""]), encoding="utf-8"
            )
            self.people(range(100))
            self.app = build(
                load_configuration(main, None, process_environment={}), started_by="cli:tester"
            )

        def people(self, numbers: range) -> None:
            rows = [f"p{n:03},{'Sales' if n < 41 else f'D{n % 7}'},FR" for n in numbers]
            (tmp_path / "data" / "hr.csv").write_text(
                "\n".join(["id,department,country", *rows, ""]), encoding="utf-8"
            )

        def request(self) -> Request:
            with self.app.store.snapshot() as unit:
                (found,) = unit.requests.open()
            return found

    made: list[Files] = []

    def make(drop: str, more: str = "") -> Files:
        made.append(Files(drop, more))
        return made[0]

    yield make
    for each in made:
        each.app.close()


@both_databases
def test_a_file_that_was_cut_is_said_to_be_shorter(files):
    project = files("100%")
    project.app.scan(())
    project.app.sync("full", commit=True)
    project.people(range(41, 100))
    project.app.scan(())
    project.app.sync(None, commit=True)
    cause = project.request().cause
    assert cause.startswith(
        "41 of 41 share department=Sales; they first appeared in the scan of hr"
    )
    assert cause.endswith(" UTC, file 41% shorter")


@both_databases
def test_a_suspended_scan_says_what_is_missing_shares(files):
    project = files("5%")
    project.app.scan(())
    project.people(range(41, 100))
    states = [report.state for report in project.app.scan(())]
    assert ScanState.SUSPENDED in states
    request = project.request()
    assert request.kind is RequestKind.SCAN
    assert request.cause == "41 of 41 share department=Sales"
    assert request.clusters == ()


def test_a_suspended_scan_says_nothing_of_an_attribute_that_is_never_to_be_named(files):
    project = files("5%", "guards: {cause: {never: [department]}}")
    project.app.scan(())
    project.people(range(41, 100))
    project.app.scan(())
    assert (project.request().count, project.request().cause) == (41, "")


def test_a_newer_suspended_scan_brings_its_own_cause(files):
    project = files("5%")
    project.app.scan(())
    project.people(range(41, 100))
    project.app.scan(())
    first = project.request()
    project.people(range(100 - 10))
    project.app.scan(())
    assert project.request().id != first.id
    assert "Sales" not in project.request().cause


def test_an_error_while_looking_at_what_is_missing_does_not_keep_people_from_being_asked(files):
    project = files("5%")
    project.app.scan(())
    project.people(range(41, 100))
    project.app = replace(project.app, store=broken(project.app.store))
    project.app.scan(())
    assert (project.request().count, project.request().cause) == (41, "")


# --- many --------------------------------------------------------------------------------------


@both_databases
def test_of_thousands_every_single_one_is_counted(world):
    world.rules(GONE)
    staff(world, 2_100, "ACME")
    staff(world, 600, "BETA", 2_100)
    staff(world, 30, "GAMMA", 2_700)
    world.run("full")
    vanish(world, *range(2_099), *range(2_100, 2_103), *range(2_700, 2_730))
    world.run()
    request = the_request(world)
    assert request.cause.startswith("2 099 of 2 132 share company=ACME; they first appeared in ")
    assert request.clusters == (
        Cluster("1", "company=ACME", 2_099),
        Cluster("2", "company=GAMMA", 30),
        Cluster("rest", "the rest", 3),
    )
    assert Counter(each.cluster for each in world.suspended()) == {"1": 2_099, "2": 30, "rest": 3}


def test_of_thousands_what_a_scan_changed_is_counted(world):
    world.rules(TITLES)
    for number in range(2_600):
        world.person(number, title=f"Job {number % 50}")
        world.account(number, title=f"Job {number % 50}")
    world.run("full")
    for number in range(2_100):
        world.change(number, title="Intern")
    for number in range(2_100, 2_103):
        world.change(number, title="Boss")
    world.run()
    assert the_request(world).cause == (
        "2 100 of 2 103 share title=Intern, which is new; "
        "they first appeared in the scan of hr at 08:02 UTC"
    )


def test_values_that_become_empty_are_a_cause(world):
    clearing = "set: {title: hr.title}, clear_if_missing: [title]"
    world.rules(TITLES.replace("set: {title: hr.title}", clearing))
    for number in range(60):
        world.person(number, title=f"Job {number % 5}")
        world.account(number, title=f"Job {number % 5}")
    world.run("full")
    for number in range(20):
        world.change(number, title=None)
    world.change(40, title="Boss")
    world.run()
    request = the_request(world)
    assert request.cause.startswith("20 of 21 share that title became empty; they ")


@both_databases
@pytest.mark.parametrize("most", [100, 150, 250, 1_000])
def test_a_sample_is_as_large_as_wanted_and_takes_from_everywhere(world, most):
    staff(world, 1_000, "ACME")
    world.scan()
    with world.app.store.snapshot() as unit:
        kind = next(each for each in unit.scans.types() if each.name == "person")
        numbers = [int(each.anchor[1:]) for each in unit.objects.sample(kind.id, most)]
    assert most / 2 <= len(numbers) <= most * 1.1
    for remainder in range(8):
        share = sum(number % 8 == remainder for number in numbers) / len(numbers)
        assert 0.06 < share < 0.19
