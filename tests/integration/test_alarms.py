"""A directory that was set back: people are told, once, and the incident ends by itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hypersync.model.requests import RequestKind
from hypersync.model.scans import ScanKind, ScanState
from tests.asking import Stopped
from tests.pages import Browser
from tests.slapd import PASSWORD, PEOPLE, SERVICE, Slapd, person, running
from tests.worlds import DISABLE, World

SILO = """\
  ldap:
    connector: ldap
    url: {url}
    bind: {{user: "{service}", password: "{password}"}}
    types:
      person: {{base: "{base}", filter: (objectClass=inetOrgPerson), attributes: [title]}}
    source_guard: {{drop: 100%, rekeyed: 100%}}
"""
PERSON = "people: {ann: {name: Ann, email: ann@example.org, roles: [approver]}}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Slapd]:
    people = (person(name, title="Clerk") for name in ("ann", "bob"))
    with running(tmp_path / "slapd", "".join(people)) as started:
        yield started


@pytest.fixture
def world(tmp_path: Path, server: Slapd) -> Iterator[World]:
    silo = SILO.format(url=server.url, service=SERVICE, password=PASSWORD, base=PEOPLE)
    made = World(tmp_path / "project", DISABLE, more=PERSON, limits=silo)
    yield made
    made.close()


def retitle(server: Slapd, name: str, title: str) -> None:
    server.modify(f"dn: cn={name},{PEOPLE}\nchangetype: modify\nreplace: title\ntitle: {title}\n")


def set_back(server: Slapd, copy: Path) -> None:
    """Put the copy in the place of what the server has."""
    server.stop()
    shutil.rmtree(server.folder / "data")
    shutil.copytree(copy, server.folder / "data")
    server.start()


def set_back_a_change(world: World, server: Slapd, copy: Path) -> None:
    """Let a change be read, and then set the directory back to before it."""
    server.stop()
    shutil.copytree(server.folder / "data", copy)
    server.start()
    world.scan("ldap")
    retitle(server, "ann", "Boss")
    world.scan("ldap")
    set_back(server, copy)


@pytest.fixture
def rolled_back(world: World, server: Slapd, tmp_path: Path) -> World:
    set_back_a_change(world, server, tmp_path / "copy")
    return world


def incidents(world: World) -> list[str]:
    with world.app.store.snapshot() as unit:
        return [each.sentence for each in unit.requests.open() if each.kind is RequestKind.INCIDENT]


def test_a_directory_that_was_set_back_is_told_to_people_and_read_in_full(
    rolled_back: World, server: Slapd
):
    (report,) = rolled_back.app.scan(["ldap"])
    assert (report.kind, report.state) == (ScanKind.FULL, ScanState.APPLIED)
    (sentence,) = incidents(rolled_back)
    assert sentence.startswith(f"ldap: ALARM: {server.url} was set back to an earlier state (")
    stopped = Stopped(store=rolled_back.app.store, settings=rolled_back.app.settings)
    browser = Browser(stopped, time=rolled_back.clock.time)
    browser.post_office()
    (message,) = browser.bag.messages
    assert "was set back to an earlier state" in message.text.replace("\n", " ")


def test_nobody_is_told_twice_while_the_alarm_is_open_and_it_ends_after_a_day(
    rolled_back: World, server: Slapd, tmp_path: Path
):
    world = rolled_back
    world.app.scan(["ldap"])
    retitle(server, "bob", "Boss")
    world.scan("ldap")
    set_back(server, tmp_path / "copy")
    world.later(hours=23)
    world.app.scan(["ldap"])
    assert len(incidents(world)) == 1
    assert len(world.rows("request")) == 1
    world.scan("ldap")  # reads well, and it is too early
    assert len(incidents(world)) == 1
    world.clock.time += timedelta(hours=1)
    world.scan("ldap")
    assert incidents(world) == []


def test_a_cursor_that_is_lost_for_another_reason_is_no_alarm(world: World, server: Slapd):
    world.scan("ldap")
    server.modify(f"dn: cn=ann,{PEOPLE}\nchangetype: delete\n")
    server.modify(f"dn: cn=bob,{PEOPLE}\nchangetype: delete\n")
    world.app.scan(["ldap"])
    assert incidents(world) == []


def test_one_alarm_is_raised_for_a_directory_of_several_types_and_ends_though_they_are_renamed(
    tmp_path: Path, server: Slapd
):
    silo = SILO.format(url=server.url, service=SERVICE, password=PASSWORD, base=PEOPLE)
    line = next(each for each in silo.splitlines(keepends=True) if "person:" in each)
    two = silo.replace(line, line + line.replace("person:", "staff:"))
    world = World(tmp_path / "project", DISABLE, more=PERSON, limits=two)
    set_back_a_change(world, server, tmp_path / "copy")
    world.app.scan(["ldap"])
    assert len(incidents(world)) == len(world.rows("request")) == 1
    world.limits = two.replace("person:", "human:").replace("staff:", "member:")
    world.rules(DISABLE)
    world.later(days=1)
    world.scan("ldap")
    assert incidents(world) == []
    world.close()
