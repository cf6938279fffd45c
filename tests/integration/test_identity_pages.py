"""The pages of identities: the search, one identity, and what is never shown."""

from __future__ import annotations

import html
import re

import pytest

from hypersync.insight import identities as finding
from hypersync.insight.hidden import hidden_of
from hypersync.insight.identities import search
from hypersync.insight.ties import MOST_TIES
from tests.integration.test_query_plans import shape, traced, walks
from tests.operating import Desk
from tests.postgresql import both_databases
from tests.worlds import EXECUTIVES, World
from webui import create_app

RULES = """\
ruleset: everything
defaults: {throttle: 1h, threshold: {limit: 2}}
rules:
  - {id: flow-title, kind: update, target: account, set: {title: hr.title}}
  - {id: flow-boss, kind: update, target: account, set: {office: "ref('account', hr.level)"}}
  - {id: disable-leaver, kind: deprovision, target: account, do: disable, throttle: 1s,
     when: "hr.status == 'left' and account.enabled"}
  - {id: strange, kind: event, when: "hr.name < 5", do: {webhook: "https://h.example.org/"}}
"""


@pytest.fixture
def world(tmp_path, database_url):
    made = World(tmp_path, RULES, more=EXECUTIVES, database=database_url)
    for number in range(1, 6):
        made.person(number, title="clerk", level="e1")
        dn = f"CN=Person {number},OU=P,DC=x"
        made.account(number, dn=dn, office="CN=Person 1,OU=P,DC=x", title="clerk")
    made.change(2, name="Zoë Díaz")
    made.group("sales", "CN=Person 1,OU=P,DC=x", "CN=Person 2,OU=P,DC=x")
    made.run("full")
    yield made
    made.close()


def page(world, address, status=200):
    answer = create_app(world.app).test_client().get(address)
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def words(text):
    """What a page says, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def one(world, number=2):
    return page(world, f"/identities/{world.identity(number)}")


def found(world, typed):
    text = page(world, f"/identities?q={typed}")
    return re.findall(r'<a href="/identities/(\d+)">', text)


# --- the search --------------------------------------------------------------------------------


@both_databases
@pytest.mark.parametrize(
    "typed",
    ["u2", "U2", "e2", "E2", "cn=person 2", "Person 2", "CN=Person 2, OU=P", "zoë", "DÍAZ zoë"],
)
def test_an_identity_is_found_by_whatever_is_known_of_it(world, typed):
    assert str(world.identity(2)) in found(world, typed)


def test_an_identity_is_found_by_its_number(world):
    assert found(world, str(world.identity(3)))[0] == str(world.identity(3))


@both_databases
@pytest.mark.parametrize("typed", ["strasse", "STRASSE", "stra%C3%9Fe", "Stra%C3%9Fe 5"])
def test_letters_are_found_however_they_are_written(world, typed):
    world.change(3, title="Stra\N{LATIN SMALL LETTER SHARP S}e 5")
    world.later(minutes=1)
    world.scan()
    assert found(world, typed) == [str(world.identity(3))]


def test_a_name_is_found_first_by_its_own_letters(world):
    world.account(3, dn="CN=Strauss,OU=P,DC=x")
    world.account(4, dn="CN=Strau\N{LATIN SMALL LETTER SHARP S},OU=P,DC=x")
    world.later(minutes=1)
    world.scan()
    typed = "CN=STRAU\N{LATIN SMALL LETTER SHARP S}, OU=P"
    first = search(world.app.store, hidden_of(world.app.engine), typed).found[0]
    assert (first.identity, first.by) == (world.identity(4), "distinguished name")


def test_what_nobody_is_called_is_not_found(world):
    assert "Nothing found" in page(world, "/identities?q=nobody+at+all")
    assert "Found" not in page(world, "/identities?q=+")


@pytest.mark.parametrize("typed", ["%25", "_", "*", "%22", "%5C", "%00", "'", "a" * 5000])
def test_odd_signs_are_looked_for_as_they_are(world, typed):
    assert found(world, typed) == []


def test_a_search_that_is_cut_off_says_so(world, monkeypatch):
    monkeypatch.setattr(finding, "MOST_FOUND", 2)
    text = page(world, "/identities?q=u")
    assert "write more of it" in text


def test_a_search_says_how_far_it_looked_and_goes_on_there(world, monkeypatch):
    monkeypatch.setattr(finding, "MOST_LOOKED_AT", 3)
    first = page(world, "/identities?q=clerk")
    assert "3 objects of about 11 were read" in words(first).replace("\xa0", " ")
    after = re.search(r'name="after" value="(\d+)"', first)[1]
    hidden, seen = hidden_of(world.app.engine), set()
    while after is not None:
        answer = search(world.app.store, hidden, "clerk", after=int(after))
        seen |= {each.identity for each in answer.found}
        after = answer.go_on
    assert seen | {int(each) for each in re.findall(r"/identities/(\d+)", first)} == {
        world.identity(number) for number in range(1, 6)
    }


def test_a_number_that_is_none_gets_one_sentence(world):
    assert "is a number" in page(world, "/identities?q=x&after=y", 400)


# --- one identity ------------------------------------------------------------------------------


def test_the_page_shows_the_objects_as_a_graph_and_as_a_list(world):
    text = one(world)
    svg = text[text.index("<svg") : text.index("</svg>")]
    for name in ("Zoë Díaz", "e2", "u2", "sales", "u1"):
        assert f">{name}</text>" in svg
    assert "<title " in svg
    assert "<desc " in svg
    assert "sales has as member u2 (group/sales)" in words(text)
    assert f'href="/identities/{world.identity(1)}"' in svg


def test_of_more_ties_than_are_looked_up_the_page_says_so(world):
    for number in range(MOST_TIES + 1):
        world.account(f"m{number}", dn=f"CN=M {number},OU=P,DC=x", title="clerk")
    dns = [f"CN=M {number},OU=P,DC=x" for number in range(MOST_TIES + 1)]
    world.group("everybody", *dns[1:])
    world.run("full")
    said = f"There are more ties; the first {MOST_TIES} were looked up."
    assert said not in words(page(world, f"/identities/{team(world)}"))
    world.group("everybody", *dns)
    world.run("full")
    assert said in words(page(world, f"/identities/{team(world)}"))


def team(world):
    with world.app.store.snapshot() as unit:
        return unit.objects.get("dir", "group", "everybody").identity


def test_references_that_rules_look_up_are_edges(world):
    assert "u1 level of e2 (account/u1)" in words(one(world))


def test_each_value_says_who_wrote_it(world):
    world.change(2, title="boss")
    world.later(hours=2)
    run = world.run("delta")
    text = one(world)
    assert "by our rule flow-title" in text
    assert f'href="/report/runs/{run.id}"' in text
    assert "found by the delta scan of hr" in text
    assert re.search(r"clerk .*→.* boss", words(text))


def test_every_rule_says_whether_it_is_true_and_which_values_it_read(world):
    world.leave(2)
    world.later(minutes=1)
    world.scan()
    said = words(one(world))
    assert "hr.status == 'left' true" in said
    assert "hr.status left" in said
    assert "true disable-leaver" in said
    assert "error strange" in said


def test_a_throttle_says_until_when_it_holds(world):
    world.change(2, title="boss")
    world.later(hours=2)
    world.run("delta")
    assert "throttled until Mon 2 Mar 2026, 11:02 UTC" in words(one(world))


def test_a_rejection_is_said_to_hold(world):
    world.leave(1, 2, 3)
    world.run("delta")
    world.reject(*world.suspended())
    assert "disable-leaver · rejected; it holds until 2026-04-01" in words(one(world))


def test_open_and_past_actions_are_listed_with_their_runs(world):
    world.leave(1, 2, 3)
    run = world.run("delta")
    text = one(world)
    assert "open: suspended" in text
    assert f'href="/report/runs/{run.id}"' in text


def test_a_vip_is_said_to_be_one_also_from_memory(world):
    world.change(2, level="C")
    world.run("delta")
    assert "true executives" in words(one(world))
    world.change(2, level="E")
    world.later(minutes=1)
    world.scan()
    assert "it held at the last committing run, which is remembered" in words(one(world))


def test_an_object_that_is_gone_is_shown_as_such(world):
    world.dir.remove("account", "u2")
    world.later(minutes=1)
    world.scan("dir", full=True)
    text = one(world)
    assert 'class="node away"' in text
    assert "not there any more" in text


@pytest.mark.parametrize("number", ["999999", "9" * 30, "0", "-1", "x"])
def test_an_unknown_identity_is_not_found(world, number):
    assert "Nothing here" in page(world, f"/identities/{number}", 404)


def test_hostile_values_are_shown_and_do_nothing(world):
    evil = '<script>alert(1)</script>"\u202ex' + "y" * 100_000
    world.change(2, name=evil, title="javascript:alert(1)")
    world.run("delta")
    text = one(world)
    assert "<script>alert" not in text
    assert "[U+202E]" in text
    assert "javascript:" not in "".join(re.findall(r'href="([^"]*)"', text))
    assert len(text) < 60_000


# --- what is never shown -----------------------------------------------------------------------

PASSWORD = "hunter2-and-more"  # noqa: S105 - of nobody


@pytest.fixture
def secretive(tmp_path):
    """A silo that tells passwords and salaries."""
    made = World(
        tmp_path,
        RULES
        + "  - {id: by-pay, kind: event, when: \"hr.company == 'x' and hr.level == 'y'\","
        + ' do: {webhook: "https://h.example.org/"}}\n',
        more="guards: {cause: {never: [company]}}",
    )
    made.person(1, company=PASSWORD, userPassword=PASSWORD, apiKey=PASSWORD)
    made.account(1)
    made.run("full")
    made.change(1, company=f"{PASSWORD}2", title="x")
    made.later(minutes=1)
    made.scan()
    yield made
    made.close()


def test_secrets_and_what_is_kept_back_are_on_no_page(secretive):
    for address in ("", "/past", "/past?place=0"):
        text = page(secretive, f"/identities/{secretive.identity(1)}{address}")
        assert "hunter2" not in text
        assert "not shown" in text


def test_secrets_cannot_be_found_by_guessing(secretive):
    for typed in (PASSWORD, "hunter2", "Person hunter2"):
        assert found(secretive, typed) == []
    assert found(secretive, "Person 1")


# --- who may -----------------------------------------------------------------------------------


def test_identities_are_shown_to_nobody_from_elsewhere(world):
    client = create_app(world.app).test_client()
    for address in ("/identities", "/identities/1", "/identities/1/past"):
        answer = client.get(address, environ_base={"REMOTE_ADDR": "192.0.2.7"})
        assert answer.status_code == 403
        assert "Person" not in answer.get_data(as_text=True)


def test_a_sync_of_one_takes_an_operator(world):
    client = create_app(world.app).test_client()
    before = len(world.rows("run"))
    answer = client.post(f"/identities/{world.identity(2)}/sync")
    assert answer.status_code == 403
    assert len(world.rows("run")) == before
    assert "Sync this one now" not in one(world)


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    made.world.people(range(5))
    made.world.run("full")
    yield made
    made.close()


def test_an_operator_syncs_one_identity_by_a_preview_that_they_commit(desk):
    desk.world.leave(1, 2)
    desk.world.later(minutes=1)
    desk.world.scan()
    address = f"/identities/{desk.world.identity(1)}"
    assert "Sync this one now" in desk.text(address)
    answer = desk.post(f"{address}/sync")
    assert answer.status_code == 303
    job = desk.job(answer)
    assert desk.world.disabled() == set()
    committed = desk.job(desk.commit(job))
    assert committed.error == ""
    assert desk.world.disabled() == {"u1"}
    with desk.world.app.store.snapshot() as unit:
        assert unit.runs.get(committed.run).started_by == "person:oli"


def test_a_sync_of_one_takes_the_field_that_only_our_forms_carry(desk):
    answer = desk.post(f"/identities/{desk.world.identity(1)}/sync", csrf="of-another-session")
    assert answer.status_code == 403


# --- what it costs -----------------------------------------------------------------------------

_KNOWN = {"by_anchor": "u199", "by_key": "e199", "by_reference": "cn=person 199"}


@pytest.fixture(scope="module")
def costs(tmp_path_factory):
    """The statements of the pages of the same identity in a small and in a large company."""
    made = {}
    for size in (200, 4_000):
        world = World(tmp_path_factory.mktemp(f"company{size}"), RULES, more=EXECUTIVES)
        for number in range(1, size):
            world.person(number, title="clerk", level="e1")
            world.account(number, dn=f"CN=Person {number},OU=P,DC=x", title="clerk")
        world.group("all", *(f"CN=Person {number},OU=P,DC=x" for number in range(1, size)))
        world.run("full")
        world.change(7, title="boss")
        world.run("delta")
        client = create_app(world.app).test_client()
        traces = {}
        for address in ("", "/past"):
            with traced(world) as statements:
                answer = client.get(f"/identities/{world.identity(7)}{address}")
            assert answer.status_code == 200
            traces[address] = statements, walks(world, statements)
        with traced(world) as statements, world.app.store.snapshot() as unit:
            for ask in (unit.search.by_anchor, unit.search.by_key, unit.search.by_reference):
                assert ask(_KNOWN[ask.__name__], 50)
        traces["indexes"] = statements, walks(world, statements)
        made[size] = traces
        world.close()
    return made


@pytest.mark.parametrize("address", ["", "/past", "indexes"])
def test_a_page_of_one_identity_costs_the_same_at_any_size(costs, address):
    (small, walked), (large, walked_more) = (each[address] for each in costs.values())
    assert walked == walked_more == set()
    assert shape(small) == shape(large)
    assert len(small) == len(large) < 120
