"""The time machine: an identity as it was at a moment, compared with now."""

from __future__ import annotations

import html
import re

import pytest

from hypersync.insight import past as the_past
from hypersync.insight import portrait
from tests.postgresql import both_databases
from tests.worlds import TITLES, World
from webui import create_app

NONE = "\N{EN DASH}"


@pytest.fixture
def world(tmp_path, database_url):
    """Somebody who was a clerk at 8:01, a boss at 9:01, had a level from 10:01 to 11:01."""
    made = World(tmp_path, TITLES, database=database_url)
    made.person(1, title="clerk")
    made.account(1)
    made.run("full")
    for values in ({"title": "boss"}, {"level": "E"}, {"level": None}):
        made.later(minutes=59)
        made.change(1, **values)
        made.run("delta")
    made.account(1, title="boss", office="Rome")
    made.later(minutes=59)
    made.run("delta")
    yield made
    made.close()


def page(world, query="", status=200, **headers):
    address = f"/identities/{world.identity(1)}/past{query}"
    answer = create_app(world.app).test_client().get(address, headers=headers)
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def words(text):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def rows(text):
    """The attributes that differed: name, then, now."""
    found = re.findall(r'<tr class="differs">(.*?)</tr>', text, re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", each, re.DOTALL) for each in found]
    return [tuple(words(cell) for cell in each) for each in cells]


@both_databases
def test_objects_are_shown_as_they_were_with_what_differs_from_now(world):
    text = page(world, "?at=2026-03-02T08:30")
    assert ("title changed", "clerk", "boss") in rows(text)
    assert ("office came later", NONE, "Rome") in rows(text)
    assert "Mon 2 Mar 2026, 08:30:00 UTC" in words(text)


@both_databases
def test_what_is_gone_by_now_is_shown(world):
    assert ("level is gone", "E", NONE) in rows(page(world, "?at=2026-03-02T10:30"))
    assert ("level is gone", "E", NONE) not in rows(page(world, "?at=2026-03-02T11:30"))


def test_now_differs_in_nothing(world):
    text = page(world)
    assert "Nothing differed from now." in text
    assert rows(text) == []


def test_before_the_first_scan_nothing_was_known(world):
    text = page(world, "?at=2026-03-01T00:00")
    assert "Nothing was known of it then." in text
    assert words(text).count("not known yet") == 2


def test_a_time_to_come_is_now(world):
    assert "Nothing differed from now." in page(world, "?at=2031-01-01T00:00")


def test_earlier_and_later_lead_through_every_moment_and_back(world):
    text, seen = page(world), []
    while earlier := re.search(r'id="earlier"[^>]*href="[^"]*(\?at=[^"]+)"', text):
        text = page(world, html.unescape(earlier[1]))
        seen.append(rows(text))
    assert "Nothing earlier is known" in text
    assert any(("level is gone", "E", NONE) in each for each in seen)
    later = re.search(r'id="later"[^>]*href="[^"]*(\?at=[^"]+)"', text)
    assert rows(page(world, html.unescape(later[1]))) == seen[-2]


def test_the_slider_stops_at_every_moment_something_changed(world):
    text = page(world)
    last = int(re.search(r'type="range"[^>]* max="(\d+)"', text)[1])
    assert len(re.findall(r'<option value="\d+" label="', text)) == last + 1
    assert "08:01:00" in words(page(world, "?place=0"))
    assert rows(page(world, f"?place={last}")) == []
    assert rows(page(world, "?place=99999")) == []


def test_the_slider_works_without_scripts_and_the_date_field_too(world):
    text = page(world, "?place=0")
    forms = re.findall(r'<form method="get"[^>]*action="([^"]+)"', text)
    assert len(forms) == 2
    assert re.search(r'<input[^>]*type="datetime-local"[^>]*value="2026-03-02T08:01:00"', text)


def test_moving_the_slider_gets_the_part_that_changes_only(world):
    part = page(world, "?place=0", **{"HX-Request": "true", "HX-Target": "then"})
    assert part.lstrip().startswith('<div id="then">')
    assert "<html" not in part


@pytest.mark.parametrize(
    "query", ["?at=yesterday", "?at=2026-13-01", "?at=0001-01-01T00:00%2B14:00", "?place=x"]
)
def test_what_is_no_time_gets_one_sentence(world, query):
    text = words(page(world, query, 400))
    assert "Write for instance 2026-01-31T09:00." in text or "is a number" in text


def test_an_object_that_went_and_came_is_shown_as_it_was(world):
    world.person(2)
    world.scan("hr")
    world.hr.remove("person", "e1")
    world.later(minutes=10)
    world.scan("hr", full=True)
    gone_at = world.clock.time
    world.person(1, title="boss")
    world.later(minutes=10)
    world.scan("hr", full=True)
    text = page(world, f"?at={gone_at.strftime('%Y-%m-%dT%H:%M:%S')}")
    assert "1 object differed from now." in words(text).replace("\xa0", " ")
    assert 'class="card differs"' in text
    assert "Nothing differed from now." in page(world)


def test_members_that_came_and_went_are_told(world):
    world.group("sales", "u1", "u2")
    world.later(minutes=1)
    world.scan("dir")
    then = world.clock.time
    world.group("sales", "u1", "u3")
    world.later(minutes=1)
    world.scan("dir")
    with world.app.store.snapshot() as unit:
        group = unit.objects.get("dir", "group", "sales")
    client = create_app(world.app).test_client()
    text = client.get(f"/identities/{group.identity}/past?at={then:%Y-%m-%dT%H:%M:%S}").text
    assert ("member changed", "u1, u2", "with u3; without u2") in rows(text)


def test_too_many_members_are_not_walked_back_and_it_is_said(world, monkeypatch):
    world.group("sales", "u1", "u2")
    world.later(minutes=1)
    world.scan("dir")
    monkeypatch.setattr(the_past, "MOST_CHANGES", 1)
    with world.app.store.snapshot() as unit:
        group = unit.objects.get("dir", "group", "sales")
    text = create_app(world.app).test_client().get(f"/identities/{group.identity}/past").text
    assert "there are too many" in text
    assert "u2" not in text


def test_too_many_changes_are_not_walked_back_and_it_is_said(world, monkeypatch):
    monkeypatch.setattr(the_past, "MOST_CHANGES", 1)
    text = page(world, "?at=2026-03-02T08:30")
    assert "too often since to walk back so far" in text
    assert rows(text) == []


def test_the_page_of_an_identity_lists_a_bounded_past(world, monkeypatch):
    monkeypatch.setattr(portrait, "MOST_CHANGES", 1)
    monkeypatch.setattr(portrait, "MOST_LINES", 2)
    client = create_app(world.app).test_client()
    text = words(client.get(f"/identities/{world.identity(1)}").text)
    assert "Only the newest are listed" in text
    assert "too long ago to be looked up" in text
