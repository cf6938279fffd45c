"""The report of what waits: finding, paging, choosing, answering, news, and exports."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest

from hypersync.approvals.links import mark_of
from hypersync.model.actions import ActionState
from hypersync.model.causes import Cluster
from hypersync.model.objects import Operation
from hypersync.model.requests import Plan, RequestKind, RequestState, Step
from hypersync.model.scans import Scan, ScanId, ScanKind, ScanState, TypeCounts, TypeVerdict
from tests.asking import HOUR, NOON, person, stopped
from tests.pages import Browser
from tests.postgresql import both_databases
from tests.signing_in import account, enter, signed_in
from webui.pending.export import COLUMNS

APPROVED, REJECTED, SUSPENDED = (
    ActionState.APPROVED,
    ActionState.REJECTED,
    ActionState.SUSPENDED,
)
PENDING = "/report/pending"
CLUSTERS = [Cluster("1", "department is Sales", 3), Cluster("rest", "the rest", 2)]


def looking(folder, who: str = "ann", *people) -> Browser:
    return signed_in(folder, who, *(people or (person("ann"), person("bob"))))


def values(page: str, name: str) -> list[str]:
    """What the checkboxes of a page send."""
    return re.findall(rf'name="{name}" value="([^"]*)"', page)


def shown(page: str) -> list[str]:
    """The people of the rows of a page, in their order."""
    return re.findall(r'<p class="who"><strong>([^<]*)</strong>', page)


def choose(made: Browser, answer: str, **fields: object):
    """Send the form of the page with these choices; ``action`` and ``part`` may be lists."""
    form = {"csrf": made.form(PENDING)["csrf"], "answer": answer}
    return made.client().post(
        PENDING,
        data={**form, **fields},
        headers=made.headers,
        environ_base={"REMOTE_ADDR": made.remote},
    )


def scan_request(world):
    scan = ScanId("scan-of-hr")
    verdict = TypeVerdict(counts=TypeCounts(seen=60), reasons=("40 of 100 are missing",))
    with world.store.begin() as unit:
        unit.scans.start(
            Scan(
                id=scan,
                silo="directory",
                stream="user",
                kind=ScanKind.FULL,
                state=ScanState.SUSPENDED,
                started_at=NOON,
                types={"user": verdict},
            )
        )
    return world.ask(
        [],
        kind=RequestKind.SCAN,
        scan=scan,
        count=40,
        rule=None,
        run=None,
        expires_at=None,
        sentence="the scan of directory misses 40 of 100 objects",
        detail={"missing": ["u7", "u8"], "missing_total": 2},
    )


# --- finding -----------------------------------------------------------------------------------


@pytest.fixture
def several(tmp_path) -> Browser:
    """Requests of several kinds."""
    made = looking(tmp_path)
    world = made.world
    world.ask(world.suspend(3))
    moved = world.suspend(
        2,
        rule="flow-title",
        first=50,
        operation=Operation.UPDATE,
        before={"title": "Clerk"},
        after={"title": "Chef de projet à Orléans"},
    )
    world.ask(moved, rule="flow-title", expires_at=NOON + HOUR)
    vip = world.suspend(1, rule="flow-title", first=70, vip="executives", title="Ada Cole")
    world.ask(vip, rule="flow-title", kind=RequestKind.VIP, vip="executives")
    scan_request(world)
    return made


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Person 1", "Person 2", "Person 3", "Person 50", "Person 51", "Ada Cole"]),
        ("rule=disable-leaver", ["Person 1", "Person 2", "Person 3"]),
        ("operation=update", ["Person 50", "Person 51"]),
        ("vip=1", ["Ada Cole"]),
        ("kind=vip", ["Ada Cole"]),
        ("kind=volume&rule=flow-title", ["Person 50", "Person 51"]),
        ("silo=directory&operation=update", ["Person 50", "Person 51"]),
        ("silo=elsewhere", []),
        ("q=Person+2", ["Person 2"]),
        ("q=PERSON+2", ["Person 2"]),
        ("q=u51", ["Person 51"]),
        ("q=ORL%C3%89ANS", ["Person 50", "Person 51"]),
        ("q=%C3%80+orl%C3%A9ans+50", ["Person 50"]),
        ("q=100%25", []),
        ("q=title", ["Person 50", "Person 51"]),
        ("kind=scan", []),
    ],
)
def test_what_is_looked_for_is_found(several, query, found):
    page = several.open(f"{PENDING}?{query}")
    assert page.status_code == 200
    assert sorted(shown(page.text)) == sorted(found)


def test_a_quote_in_a_search_is_looked_for_as_it_stands_in_values(several):
    world = several.world
    ids = world.suspend(1, first=80, after={"note": 'says "yes" \\ no'}, title="Quoted")
    world.ask(ids, rule="other")
    for word in ('"yes"', "\\"):
        page = several.client().get(
            PENDING,
            query_string={"q": word},
            headers=several.headers,
            environ_base={"REMOTE_ADDR": several.remote},
        )
        assert "Quoted" in shown(page.text)


def test_scans_are_found_by_what_they_miss_and_by_their_silo(several):
    for query in ("kind=scan", "silo=directory", "q=u8", "q=misses"):
        assert "A scan" in several.open(f"{PENDING}?{query}").text
    for query in ("kind=vip", "silo=hr", "q=u9", "rule=flow-title", "soon=1"):
        assert "A scan</h2>" not in several.open(f"{PENDING}?{query}").text


def test_what_ends_soon_is_marked_and_can_be_looked_for(tmp_path):
    made = looking(tmp_path)
    late = made.world.suspend(1, span=timedelta(minutes=90), title="Soon Over")
    made.world.ask(late, expires_at=NOON + timedelta(minutes=90))
    made.world.ask(made.world.suspend(1, first=9), rule="other")
    page = made.open(f"{PENDING}?soon=1").text
    assert shown(page) == ["Soon Over"]
    assert "Ends in 1 h 30 min" in page
    assert "Ends in" not in made.open(f"{PENDING}?rule=other").text


def test_mine_to_decide_leaves_out_what_others_answer(tmp_path):
    plan = Plan(name="bobs", steps=(Step(to="person:bob"),))
    made = looking(tmp_path)
    directory = replace(made.world.settings.directory, plans={"bobs": plan})
    made.world.settings = replace(made.world.settings, directory=directory)
    made.world.ask(made.world.suspend(1, title="Bobs"), plan="bobs")
    made.world.ask(made.world.suspend(1, first=9, title="Anns"), rule="other")
    page = made.open(PENDING).text
    assert sorted(shown(page)) == ["Anns", "Bobs"]
    assert "Ann Ng may not answer this request." in page
    assert len(values(page, "action")) == 1
    assert shown(made.open(f"{PENDING}?mine=1").text) == ["Anns"]


def test_the_filters_keep_what_is_chosen_and_can_be_taken_off(several):
    page = several.open(f"{PENDING}?rule=flow-title&vip=1&q=Ada").text
    assert '<option value="flow-title" selected>' in page
    assert 'name="vip" value="1" checked' in page
    assert 'name="q" value="Ada"' in page
    assert "Show all" in page
    assert "Show all" not in several.open(PENDING).text


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("operation=explode", "There is no such operation; there are create, update"),
        ("kind=acknowledgement", "There is no such kind of request"),
        ("vip=maybe", "vip is 1 or left out."),
        ("page=0", "page is a number, from 1 on."),
        ("page=-1", "page is a number"),
        ("page=%C2%B2", "page is a number"),
        ("page=99999999999999999999", "page is a number"),
        ("q=" + "x" * 201, "q is too long"),
        ("rule=a%00b", "rule is too long"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(several, query, sentence):
    page = several.open(f"{PENDING}?{query}")
    assert page.status_code == 400
    assert sentence in unescape(page.text)


def test_an_unknown_request_shows_nothing(several):
    page = several.open(f"{PENDING}?request=nothing")
    assert page.status_code == 200
    assert "Nothing that waits is what you look for." in page.text


@both_databases
def test_what_is_named_like_a_secret_is_neither_shown_nor_found(database_url):
    world = stopped(database_url, person("ann"))
    hidden = {"unicodePwd": "hunter2", "title": "Clerk"}
    ids = world.suspend(1, first=4, before=None, after=hidden)
    ids += world.suspend(1, first=5, after={"title": 'a "unicodePwd": b'})
    request = world.ask(ids)
    browser = Browser(world)
    for link in (
        PENDING,
        f"{PENDING}.csv",
        f"{PENDING}.json",
        f"/hypersync/approve?request={request.id}",
    ):
        page = browser.open(link).text
        assert "hunter2" not in page
        assert "(not shown)" in page
        assert "Clerk" in page
    assert shown(browser.open(f"{PENDING}?q=hunter").text) == []
    assert shown(browser.open(f"{PENDING}?q=Person+4").text) == ["Person 4"]
    assert shown(browser.open(f"{PENDING}?q=unicodePwd").text) == ["Person 5"]
    world.store.close()


# --- pages -------------------------------------------------------------------------------------


def test_a_large_request_is_shown_a_hundred_rows_at_a_time(tmp_path):
    made = looking(tmp_path)
    ids = made.world.suspend(250)
    request = made.world.ask(ids)
    first = made.open(f"{PENDING}?request={request.id}").text
    assert len(shown(first)) == 100
    assert "1 to 100 of 250" in first
    third = made.open(f"{PENDING}?request={request.id}&page=3").text
    assert shown(third)[0] == "Person 201"
    assert len(shown(third)) == 50
    assert "Show those before" in third
    rows = made.open(f"{PENDING}/rows?request={request.id}&page=2")
    assert shown(rows.text)[0] == "Person 101"
    assert "<html" not in rows.text
    assert made.open(f"{PENDING}?request={request.id}&page=9").status_code == 200


def test_many_requests_share_a_page_and_the_rest_follows(tmp_path):
    made = looking(tmp_path)
    for number in range(25):
        ids = made.world.suspend(30, first=100 * number, rule=f"rule-{number:02}")
        made.world.ask(ids, rule=f"rule-{number:02}", now=NOON + timedelta(seconds=number))
    page = made.open(PENDING).text
    assert "25 requests with 750 actions" in page
    assert page.count("<section class") == 20
    assert len(shown(page)) == 100
    later = made.open(f"{PENDING}?page=2").text
    assert later.count("<section class") == 5
    assert "Earlier requests" in later


def test_rows_stand_in_their_clusters_across_pages(tmp_path):
    made = looking(tmp_path)
    rest = made.world.suspend(110, first=500, cluster="rest")
    sales = made.world.suspend(3, cluster="1")
    request = made.world.ask([*rest, *sales], clusters=CLUSTERS)
    page = made.open(f"{PENDING}?request={request.id}").text
    assert shown(page)[:4] == ["Person 1", "Person 2", "Person 3", "Person 500"]
    only = made.open(f"{PENDING}?request={request.id}&cluster=1").text
    assert shown(only) == ["Person 1", "Person 2", "Person 3"]
    assert "3 of 113 are what you look for." in only.replace("\N{NO-BREAK SPACE}", " ")


# --- choosing and answering --------------------------------------------------------------------


@pytest.mark.parametrize(("word", "state"), [("approve", APPROVED), ("reject", REJECTED)])
def test_what_is_chosen_is_decided_in_one_go_with_a_reason(tmp_path, word, state):
    made = looking(tmp_path)
    ids = made.world.suspend(3)
    made.world.ask(ids)
    other = made.world.suspend(1, rule="other", first=9)
    made.world.ask(other, rule="other")
    page = made.open(PENDING).text
    chosen = [each for each in values(page, "action") if each.split(".")[0] in (ids[0], other[0])]
    sent = choose(made, word, action=chosen, comment="as agreed")
    assert sent.status_code == 200
    assert f"2 actions {state.value}" in sent.text
    assert made.world.states([*ids, *other]) == [state, SUSPENDED, SUSPENDED, state]
    votes = {(row["by"], row["proof"], row["comment"]) for row in made.world.rows("decision")}
    assert votes == {("person:ann", "session", "as agreed")}


def test_all_of_a_request_or_of_a_cluster_is_chosen_by_one_box(tmp_path):
    made = looking(tmp_path)
    sales = made.world.suspend(3, cluster="1")
    rest = made.world.suspend(2, first=50, cluster="rest")
    made.world.ask([*sales, *rest], clusters=CLUSTERS)
    others = made.world.suspend(120, rule="other", first=500)
    request = made.world.ask(others, rule="other")
    parts = values(made.open(PENDING).text, "part")
    cluster = next(each for each in parts if each.endswith(".1"))
    whole = next(each for each in parts if each.startswith(request.id))
    sent = choose(made, "approve", part=[cluster, whole])
    assert "123 actions approved" in sent.text
    assert made.world.states(sales) == [APPROVED] * 3
    assert made.world.states(rest) == [SUSPENDED] * 2
    assert set(made.world.states(others)) == {APPROVED}
    assert made.world.request(request.id).state is RequestState.CLOSED


def test_a_scan_is_chosen_and_decided_like_anything_else(tmp_path):
    made = looking(tmp_path)
    request = scan_request(made.world)
    ids = made.world.suspend(1)
    made.world.ask(ids)
    page = made.open(PENDING).text
    part = next(each for each in values(page, "part") if each.startswith(request.id))
    sent = choose(made, "reject", part=part, action=values(page, "action"))
    assert "1 action and the scan rejected" in sent.text
    assert made.world.rows("scan")[0]["state"] == "rejected"
    assert made.world.states(ids) == [REJECTED]
    assert choose(made, "reject", part=part).status_code == 200
    late = choose(made, "approve", part=part)
    assert late.status_code == 409
    assert "The request about this scan has ended already." in late.text


def test_the_same_answer_twice_is_fine_and_another_names_who_was_first(tmp_path):
    made = looking(tmp_path)
    ids = made.world.suspend(2)
    made.world.ask(ids)
    page = made.open(PENDING).text
    actions, parts = values(page, "action"), values(page, "part")
    assert choose(made, "approve", action=actions).status_code == 200
    assert choose(made, "approve", action=actions).status_code == 200
    for chosen in ({"action": actions}, {"part": parts}):
        late = choose(made, "reject", **chosen)
        assert late.status_code == 409
        assert "Nothing was changed: some of what was chosen is decided already" in late.text
        assert "Person 1: approved by Ann Ng on Mon 2 Mar 2026, 12:00 UTC." in late.text
    assert made.world.states(ids) == [APPROVED] * 2


def test_a_refusal_keeps_what_was_chosen_and_the_reason(tmp_path):
    plan = Plan(name="p", steps=(Step(to="person:ann"),))
    made = looking(tmp_path)
    directory = replace(made.world.settings.directory, plans={"p": plan})
    made.world.settings = replace(made.world.settings, directory=directory)
    ids = made.world.suspend(2)
    made.world.ask(ids, plan="p")
    page = made.open(PENDING).text
    assert "A rejection takes a reason." in page
    chosen = values(page, "action")[1]
    sent = choose(made, "reject", action=chosen, comment="   ")
    assert sent.status_code == 403
    assert "A reason is needed; say why." in sent.text
    assert f'value="{chosen}" checked' in sent.text
    assert sent.text.count(" checked") == 1
    assert made.world.states(ids) == [SUSPENDED] * 2


def test_four_eyes_on_the_page_take_two_people(tmp_path):
    plan = Plan(name="four", steps=(Step(to="person:ann"), Step(to="person:bob")), need=2)
    made = looking(tmp_path)
    directory = replace(made.world.settings.directory, plans={"four": plan})
    made.world.settings = replace(made.world.settings, directory=directory)
    ids = made.world.suspend(2)
    made.world.ask(ids, plan="four")
    account(made.world, "bob")
    chosen = values(made.open(PENDING).text, "action")
    assert "Another person has to approve as well." in choose(made, "approve", action=chosen).text
    other = replace(made, _client=None)
    assert enter(other, "bob").status_code == 303
    assert "2 actions approved" in choose(other, "approve", action=chosen).text
    assert made.world.states(ids) == [APPROVED] * 2


def test_one_that_one_may_not_decide_spoils_the_whole_choice(tmp_path):
    made = looking(tmp_path, "ann", person("ann", identity="e2"), person("bob"))
    ids = made.world.suspend(2)
    made.world.ask(ids)
    with made.world.store.engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO identity (id, key) VALUES (2, 'e2')")
    page = made.open(PENDING).text
    assert "Ann Ng may not decide about themselves." in page
    marks = _marks(made, ids)
    assert choose(made, "approve", action=marks).status_code == 403
    assert made.world.states(ids) == [SUSPENDED] * 2
    assert choose(made, "approve", action=marks[0]).status_code == 200
    assert made.world.states(ids) == [APPROVED, SUSPENDED]


def _marks(made: Browser, ids) -> list[str]:
    return [f"{each.id}.{mark_of(each.id, each.fingerprint)}" for each in made.world.actions(ids)]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Nothing is chosen."),
        ({"action": "nonsense"}, "The page was not sent whole."),
        ({"action": "a.b"}, "The page was not sent whole."),
        ({"action": "../../x." + "0" * 16}, "The page was not sent whole."),
        ({"part": "x." + "0" * 31}, "The page was not sent whole."),
        ({"part": "x." + "0" * 32 + ".../"}, "The page was not sent whole."),
        ({"action": ["a." + "0" * 16] * 1001}, "More than 1000 are chosen one by one."),
        ({"action": "x." + "0" * 16, "comment": "c" * 2001}, "The reason is too long"),
        ({"action": "x." + "0" * 16, "answer": "perhaps"}, "Choose one of the two answers."),
    ],
)
def test_a_choice_that_cannot_be_meant_is_refused_with_a_sentence(tmp_path, fields, sentence):
    made = looking(tmp_path)
    ids = made.world.suspend(1)
    made.world.ask(ids)
    sent = choose(made, fields.pop("answer", "approve"), **fields)
    assert sent.status_code == 400
    assert sentence in sent.text
    assert made.world.states(ids) == [SUSPENDED]


def test_thousands_of_ids_in_one_form_are_too_many(tmp_path):
    made = looking(tmp_path)
    sent = choose(made, "approve", action=[f"{number:022}." + "0" * 16 for number in range(5_000)])
    assert sent.status_code == 413
    assert "Choose fewer, or all of a request" in sent.text
    assert made.world.rows("decision") == []


def test_what_does_not_exist_is_not_decided(tmp_path):
    made = looking(tmp_path)
    assert choose(made, "approve", action="x." + "0" * 16).status_code == 404
    assert choose(made, "approve", part="x." + "0" * 32).status_code == 404


def test_who_sits_at_the_machine_without_a_sign_in_looks_and_decides_nothing(tmp_path):
    made = Browser(stopped(tmp_path))
    ids = made.world.suspend(1)
    made.world.ask(ids)
    page = made.open(PENDING).text
    assert "To decide, use the links of your mail" in page
    assert values(page, "action") == []
    sent = made.post(PENDING, {"action": _marks(made, ids)[0], "answer": "approve"})
    assert sent.status_code == 403
    assert made.world.states(ids) == [SUSPENDED]


# --- what is new -------------------------------------------------------------------------------


def news(made: Browser, page: str):
    address = re.search(r'id="poll"[^>]* hx-get="([^"]*)"', page)
    assert address is not None
    return made.open(unescape(address[1]))


def test_what_happened_meanwhile_is_told_without_drawing_the_page_anew(tmp_path):
    made = looking(tmp_path)
    ids = made.world.suspend(4)
    request = made.world.ask(ids)
    page = made.open(PENDING).text
    assert "meanwhile" not in news(made, page).text
    made.time += timedelta(minutes=1)
    fresh = made.world.suspend(3, rule="other", first=50, now=made.time)
    opened = made.world.ask(fresh, rule="other", now=made.time)
    assert choose(made, "approve", action=_marks(made, ids[:2])).status_code == 200
    told = news(made, page).text
    assert "3 new, 2 decided meanwhile." in told
    assert f'<li data-action="{ids[0]}">Approved by Ann Ng</li>' in told
    assert f'id="request-{opened.id}"' in told
    assert f'id="wholes-{request.id}" class="wholes" hx-swap-oob="true"' in told
    assert "All 2 of this request" in told
    assert "<html" not in told
    made.time += timedelta(minutes=1)
    again = news(made, told).text
    assert "3 new, 2 decided meanwhile." in again
    assert opened.id not in again


def test_a_request_that_ended_meanwhile_is_told_too(tmp_path):
    made = looking(tmp_path)
    request = made.world.ask(made.world.suspend(1))
    scan = scan_request(made.world)
    page = made.open(PENDING).text
    parts = values(page, "part")
    made.time += timedelta(minutes=1)
    assert choose(made, "reject", part=parts).status_code == 200
    told = news(made, page).text
    assert "2 decided meanwhile." in told
    assert f'<li data-request="{request.id}">' in told
    assert scan.id in "".join(parts)


@pytest.mark.parametrize(
    "query",
    ["", "base=1.2.3", "base=a.b.c.d", "base=1.2.3.99999999999999999", "base=1.1.1.1&last=x"],
)
def test_half_an_address_of_news_is_refused(tmp_path, query):
    made = looking(tmp_path)
    assert made.open(f"{PENDING}/news?{query}").status_code == 400


# --- taking it along ---------------------------------------------------------------------------


def exported(made: Browser, kind: str, query: str = "") -> list[dict]:
    sent = made.open(f"{PENDING}.{kind}{query}")
    assert sent.status_code == 200
    assert sent.headers["Content-Disposition"] == f'attachment; filename="pending.{kind}"'
    if kind == "json":
        return json.loads(sent.text)["actions"]
    return list(csv.DictReader(io.StringIO(sent.text)))


def test_csv_and_json_have_what_is_shown_in_columns_that_stay(several):
    rows = exported(several, "csv")
    assert tuple(rows[0]) == COLUMNS
    documents = exported(several, "json")
    assert tuple(sorted(documents[0])) == tuple(sorted(COLUMNS))
    assert len(rows) == len(documents) == 6
    first = next(row for row in rows if row["who"] == "Person 50")
    assert json.loads(first["after"]) == {"title": "Chef de projet à Orléans"}
    assert first["waiting_since"] == "2026-03-02T12:00:00Z"
    assert first["reasons"] == "too many at once"
    only = exported(several, "csv", "?vip=1")
    assert [row["who"] for row in only] == ["Ada Cole"]
    assert [row["who"] for row in exported(several, "json", "?q=u51")] == ["Person 51"]


def test_the_links_of_the_page_export_what_its_filters_show(several):
    page = several.open(f"{PENDING}?rule=flow-title&q=Ada").text
    assert f'href="{PENDING}.csv?rule=flow-title&amp;q=Ada"' in page


def test_more_than_one_block_is_exported_whole(tmp_path):
    made = looking(tmp_path)
    made.world.ask(made.world.suspend(1_205))
    assert len(exported(made, "csv")) == 1_205
    assert len({row["action"] for row in exported(made, "json")}) == 1_205


def test_values_that_are_no_text_are_exported_as_json_says_them(tmp_path):
    made = looking(tmp_path)
    after = {"photo": b"\x00\xff", "groups": ("a", "b"), "on": True, "none": None}
    made.world.ask(made.world.suspend(1, after=after))
    (row,) = exported(made, "json")
    assert row["after"] == {
        "photo": {"base64": "AP8="},
        "groups": ["a", "b"],
        "on": True,
        "none": None,
    }
    assert json.loads(exported(made, "csv")[0]["after"]) == row["after"]


# --- the store ---------------------------------------------------------------------------------


@both_databases
def test_both_databases_find_page_and_count_alike(database_url):
    world = stopped(database_url, person("ann"))
    rest = world.suspend(7, first=50, cluster="rest", title="Renée 100%")
    sales = world.suspend(3, cluster="1", after={"title": "Größe_1"})
    request = world.ask([*rest, *sales], clusters=CLUSTERS)
    browser = Browser(world)
    for query, count in (
        ("", 10),
        ("q=REN%C3%89E", 7),
        ("q=100%25", 7),
        ("q=gr%C3%B6%C3%9Fe_", 3),
        ("q=e_1", 3),
        (f"request={request.id}&cluster=1", 3),
        ("operation=disable", 10),
        ("vip=1", 0),
    ):
        assert len(shown(browser.open(f"{PENDING}?{query}").text)) == count, query
    page = browser.open(PENDING).text
    assert shown(page)[:3] == ["Person 1", "Person 2", "Person 3"]
    assert news(browser, page).status_code == 200
    assert len(browser.open(f"{PENDING}.csv").text.splitlines()) == 11
    assert browser.open(f"/hypersync/approve?request={request.id}").status_code == 200
    world.store.close()
