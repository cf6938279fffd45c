"""The threats to asking and answering, one test each or more, by their numbers in the design."""

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest

from hypersync.approvals.authors import note_rules
from hypersync.approvals.directory import Directory
from hypersync.approvals.links import Links, Signer
from hypersync.approvals.settings import Loaded
from hypersync.model.actions import ActionState, OnExpiry
from tests.asking import DAY, HOUR, KEY, NOON, person, stopped
from tests.pages import Browser

APPROVED, SUSPENDED = ActionState.APPROVED, ActionState.SUSPENDED


def asked(tmp_path, *people, count: int = 2, started_by="schedule:sync", **values):
    world = stopped(tmp_path, *people, started_by=started_by, **values)
    ids = world.suspend(count, before={"phone": "0123"}, after={"phone": "0456"})
    request = world.ask(ids)
    browser = Browser(world)
    browser.post_office()
    return browser, ids, request


def everything(browser: Browser) -> object:
    """What is stored, to see that nothing changed."""
    tables = ("action", "request", "decision", "token", "delivery", "event", "hold")
    return [browser.world.rows(name) for name in tables]


def test_S01_looking_a_hundred_times_changes_nothing(tmp_path):
    browser, _, _ = asked(tmp_path)
    before = everything(browser)
    links = browser.links()
    for number in range(100):
        for method in ("GET", "HEAD", "OPTIONS"):
            assert browser.open(links[number % len(links)], method).status_code == 200
    assert everything(browser) == before


def test_S02_a_script_that_submits_every_form_unchanged_decides_nothing(tmp_path):
    browser, ids, _ = asked(tmp_path)
    for link in browser.links():
        page = browser.open(link).text
        fields = browser.form(link)
        for value in re.findall(r'<button name="answer" value="(\w+)"', page):
            answer = browser.post(link, {**fields, "answer": value})
            assert 400 <= answer.status_code < 500
    assert browser.world.states(ids) == [SUSPENDED] * 2
    assert {row["wrong_codes"] for row in browser.world.rows("token")} == {0}


def test_S03_nothing_is_shown_elsewhere_without_a_token(tmp_path):
    browser, ids, request = asked(tmp_path)
    browser.remote = "192.0.2.7"
    run = browser.world.run
    for link in (
        "/report/pending",
        "/report/runs",
        f"/report/runs/{run}",
        f"/hypersync/approve?action={ids[0]}",
        f"/hypersync/approve?request={request.id}",
        f"/hypersync/approve?run={run}&rule=disable-leaver",
        f"/hypersync/run={run}&rule=disable-leaver",
    ):
        page = browser.open(link)
        assert page.status_code == 403
        assert not any(word in page.text for word in ("Person 1", "phone", "0456", "disable"))


def test_S03_with_a_token_exactly_what_it_invites_to_is_shown(tmp_path):
    browser, ids, request = asked(tmp_path)
    others = browser.world.suspend(rule="other", first=70)
    browser.world.ask(others, rule="other")
    browser.remote = "192.0.2.7"
    page = browser.open(browser.link("/report/pending?request="))
    assert page.status_code == 200
    assert "Person 1" in page.text
    assert "Person 70" not in page.text
    foreign = f"/hypersync/approve?action={others[0]}&token={browser.token()}"
    assert browser.open(foreign).status_code == 404
    assert request.id in browser.link("/report/pending?request=")
    assert len(ids) == 2


def test_S03_page_titles_name_nobody(tmp_path):
    browser, _, _ = asked(tmp_path)
    for link in browser.links():
        title = re.search(r"<title>(.*?)</title>", browser.open(link).text)
        assert title is not None
        assert "Person" not in title[1]
        assert "0456" not in title[1]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.9"},
        {"X-Forwarded-Proto": "https"},
        {"Forwarded": "for=203.0.113.9"},
        {"Via": "1.1 proxy"},
        {"X-Real-IP": "203.0.113.9"},
        {"Host": "iam.example.org"},
        {"Host": "IAM.example.org:443"},
    ],
)
@pytest.mark.parametrize("page", ["/report/pending", "/report/runs", "/hypersync/approve?action="])
def test_S03_a_request_that_came_through_a_proxy_is_not_from_this_machine(tmp_path, headers, page):
    browser, ids, _ = asked(tmp_path)
    address = page + ids[0] if page.endswith("=") else page
    assert browser.open(address).status_code == 200
    browser.headers = headers
    assert browser.open(address).status_code == 403


def test_S03_a_proxy_that_says_nothing_is_known_by_its_old_protocol(tmp_path):
    browser, _, _ = asked(tmp_path)
    browser.headers = {"Host": "127.0.0.1:8080", "Connection": "close"}
    client = browser.client()
    old = {"SERVER_PROTOCOL": "HTTP/1.0"}
    assert client.get("/report/pending", environ_overrides=old).status_code == 403
    assert client.get("/report/pending").status_code == 200


def test_S03_a_public_address_on_this_machine_shows_everything(tmp_path):
    browser, _, _ = asked(tmp_path)
    browser.use(links=Links("http://127.0.0.1:8080"))
    browser.headers = {"Host": "127.0.0.1:8080"}
    assert browser.open("/report/pending").status_code == 200


def test_S03_the_link_of_a_mail_works_through_a_proxy(tmp_path):
    browser, ids, request = asked(tmp_path)
    browser.headers = {"X-Forwarded-For": "203.0.113.9", "Host": "iam.example.org"}
    assert browser.answer(browser.link(f"approve?request={request.id}")).status_code == 200
    assert browser.world.states(ids) == [APPROVED] * 2


def test_S04_a_forwarded_mail_decides_only_as_the_invited_person_with_its_code(tmp_path):
    browser, ids, _ = asked(tmp_path, person("ann"), person("bob"))
    link = browser.link(f"approve?action={ids[0]}", 0)
    assert browser.submit(link, code=browser.code(1)).status_code == 403
    assert browser.submit(link, code=browser.code(0)).status_code == 200
    assert browser.world.actions(ids)[0].decided_by == "person:ann"


def test_S05_who_started_the_run_gets_no_links_and_cannot_use_others_links(tmp_path):
    people = (person("ann", os_user="ann"), person("bob"))
    browser, ids, _ = asked(tmp_path, *people, started_by="cli:ann")
    texts = {message.address: message.text for message in browser.bag.messages}
    assert "token=" not in texts["ann@example.org"]
    assert "token=" in texts["bob@example.org"]
    assert browser.world.states(ids) == [SUSPENDED] * 2


def test_S05_who_changed_the_rule_gets_no_links_and_neither_does_their_delegate(tmp_path):
    people = (person("ann", os_user="ann", delegate="dee"), person("bob"), person("dee"))
    first = Loaded(rules={"disable-leaver": "1"}, at=NOON, by="cli:ops")
    raised = Loaded(rules={"disable-leaver": "2"}, at=NOON, by="cli:ann")
    world = stopped(tmp_path, *people, loaded=raised)
    for loaded in (first, raised):
        known = replace(world.settings, loaded=loaded)
        note_rules(world.store, world.run, NOON, is_preview=False, settings=known)
    ids = world.suspend(2)
    world.ask(ids)
    browser = Browser(world)
    browser.post_office()
    texts = {message.address: message.text for message in browser.bag.messages}
    invited = {address for address, text in texts.items() if "token=" in text}
    assert set(texts) == {f"{each.id}@example.org" for each in people}
    assert invited == {"bob@example.org"}
    bobs = [message.address for message in browser.bag.messages].index("bob@example.org")
    link, code = browser.link("approve?request=", bobs), browser.code(bobs)
    assert browser.submit(link, code=code).status_code == 200
    assert {action.decided_by for action in world.actions(ids)} == {"person:bob"}


def test_S07_fifty_parallel_posts_make_one_transition(tmp_path):
    browser, ids, request = asked(tmp_path, person("ann"), person("bob"))
    posts = []
    for number, word in ((0, "approve"), (1, "reject")):
        link = browser.link(f"{word}?request={request.id}", number)
        posts.append((link, {**browser.form(link), "code": browser.code(number)}))
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda n: browser.post(*posts[n % 2]).status_code, range(50)))
    assert sorted(codes) == [200] * 25 + [409] * 25
    assert len(set(browser.world.states(ids))) == 1
    assert len(browser.world.rows("decision")) == 2


def test_S08_an_expired_link_is_gone(tmp_path):
    browser, ids, _ = asked(tmp_path)
    link = browser.link(f"approve?action={ids[0]}")
    fields = {**browser.form(link), "code": browser.code()}
    browser.time = NOON + DAY
    assert browser.post(link, fields).status_code == 410
    assert browser.world.states(ids) == [SUSPENDED] * 2


def test_S08_the_link_to_a_default_approve_that_waits_still_rejects(tmp_path):
    world = stopped(tmp_path)
    ids = world.suspend(2, on_expiry=OnExpiry.APPROVE)
    request = world.ask(ids, on_expiry=OnExpiry.APPROVE)
    browser = Browser(world)
    browser.post_office()
    link = browser.link(f"reject?request={request.id}")
    browser.time = NOON + DAY + HOUR
    assert "Reject 2 actions?" in browser.open(link).text
    assert browser.answer(link).status_code == 200
    assert browser.world.states(ids) == [ActionState.REJECTED] * 2


def test_S08_a_link_to_something_void_is_gone(tmp_path):
    browser, ids, _ = asked(tmp_path)
    link = browser.link(f"approve?action={ids[0]}")
    fields = {**browser.form(link), "code": browser.code()}
    with browser.world.store.begin() as unit:
        unit.actions.replace(ids[0], NOON, "changed since people were asked")
    assert browser.post(link, fields).status_code == 410


def test_S08_somebody_who_left_may_not_answer(tmp_path):
    browser, ids, _ = asked(tmp_path, person("ann"), person("bob"))
    link = browser.link(f"approve?action={ids[0]}", 0)
    fields = {**browser.form(link), "code": browser.code(0)}
    browser.use(directory=Directory({"bob": person("bob")}))
    assert browser.post(link, fields).status_code == 403


def test_S08_a_link_made_with_a_revoked_key_is_gone(tmp_path):
    browser, ids, _ = asked(tmp_path)
    link = browser.link(f"approve?action={ids[0]}")
    fields = {**browser.form(link), "code": browser.code()}
    browser.use(signer=Signer(keys=(b"another-key-for-tests",), environment="test/dev"))
    assert browser.open(link).status_code == 410
    assert browser.post(link, fields).status_code == 410
    browser.use(signer=Signer(keys=(b"another-key-for-tests", KEY), environment="test/dev"))
    assert browser.post(link, fields).status_code == 200


def test_S08_what_was_decided_otherwise_is_a_conflict(tmp_path):
    browser, ids, _ = asked(tmp_path)
    link = browser.link(f"approve?action={ids[0]}")
    fields = {**browser.form(link), "code": browser.code()}
    assert browser.post(link, fields).status_code == 200
    other = browser.post(link.replace("approve", "reject"), fields)
    assert other.status_code == 409
    assert "The holder of Ann Ng's mail approved" in unescape(other.text)


def test_S09_a_change_after_the_mail_is_asked_again(tmp_path):
    browser, ids, request = asked(tmp_path)
    link = browser.link(f"approve?request={request.id}")
    fields = {**browser.form(link), "code": browser.code()}
    with browser.world.store.begin() as unit:
        unit.actions.replace(ids[0], NOON, "changed since people were asked")
    assert browser.post(link, fields).status_code == 409
    assert browser.world.states(ids)[1] is SUSPENDED


def test_S10_rows_added_after_the_mail_are_not_covered(tmp_path):
    browser, ids, request = asked(tmp_path)
    later = browser.world.suspend(2, first=60)
    browser.world.ask(later, now=NOON + HOUR)
    assert browser.answer(browser.link(f"approve?request={request.id}")).status_code == 200
    assert browser.world.states(ids) == [APPROVED] * 2
    assert browser.world.states(later) == [SUSPENDED] * 2


def test_S10_a_page_without_its_digest_decides_nothing(tmp_path):
    browser, ids, request = asked(tmp_path)
    fields = {"token": browser.token(), "code": browser.code()}
    link = browser.link(f"approve?request={request.id}")
    assert browser.post(link, fields).status_code == 400
    assert browser.post(link, {**fields, "digest": "0" * 32}).status_code == 409
    assert browser.world.states(ids) == [SUSPENDED] * 2


def test_S11_an_unknown_id_and_a_wrong_token_answer_alike(tmp_path):
    browser, ids, _ = asked(tmp_path)
    browser.remote = "192.0.2.7"
    unknown = browser.open(f"/hypersync/approve?action=nothing&token={browser.token()}")
    wrong = browser.open(f"/hypersync/approve?action={ids[0]}&token=wrong")
    assert unknown.status_code == wrong.status_code == 404
    assert unknown.data == wrong.data
    assert dict(unknown.headers) == dict(wrong.headers)


def test_S11_trying_many_is_slowed_down_and_over_after_a_minute(tmp_path):
    browser, ids, _ = asked(tmp_path)
    browser.remote = "192.0.2.7"
    link = f"/hypersync/approve?action={ids[0]}&token=wrong"
    codes = {browser.open(link).status_code for _ in range(30)}
    assert codes == {404}
    assert browser.open(link).status_code == 429
    browser.time += timedelta(minutes=1)
    assert browser.open(link).status_code == 404


def test_S11_many_attempts_by_others_lock_nobody_out_who_has_a_link(tmp_path):
    browser, ids, request = asked(tmp_path)
    for _ in range(40):
        last = browser.open("/hypersync/approve?action=nothing").status_code
    assert last == 429
    link = browser.link(f"approve?request={request.id}")
    assert browser.open("/report/pending").status_code == 200
    wrong = browser.submit(link, code="000000" if browser.code() != "000000" else "000001")
    assert wrong.status_code == 403
    assert "more tries" in wrong.text
    assert browser.answer(link).status_code == 200
    assert browser.world.states(ids) == [APPROVED] * 2


def test_S11_five_wrong_codes_lock_the_link_for_the_right_one_too(tmp_path):
    browser, ids, request = asked(tmp_path)
    link = browser.link(f"approve?request={request.id}")
    wrong = f"{(int(browser.code()) + 1) % 1_000_000:06d}"
    for _ in range(5):
        assert browser.submit(link, code=wrong).status_code == 403
    locked = browser.answer(link)
    assert locked.status_code == 403
    assert "locked" in locked.text
    assert browser.answer(browser.link(f"approve?action={ids[0]}")).status_code == 403
    assert browser.world.states(ids) == [SUSPENDED] * 2


def test_S11_codes_tried_in_parallel_are_counted_too(tmp_path):
    browser, ids, request = asked(tmp_path)
    link = browser.link(f"approve?request={request.id}")
    fields = browser.form(link)
    wrong = f"{(int(browser.code()) + 1) % 1_000_000:06d}"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: browser.post(link, {**fields, "code": wrong}), range(20)))
    assert browser.world.rows("token")[0]["wrong_codes"] == 5
    assert browser.post(link, {**fields, "code": browser.code()}).status_code == 403
    assert browser.world.states(ids) == [SUSPENDED] * 2


def test_S12_a_token_is_for_its_request_and_its_environment_only(tmp_path):
    browser, ids, request = asked(tmp_path)
    other = browser.world.ask(browser.world.suspend(rule="other", first=50), rule="other")
    link = f"/hypersync/approve?request={other.id}&token={browser.token()}"
    assert browser.open(link).status_code == 404
    mine = browser.link(f"approve?request={request.id}")
    browser.use(signer=replace(browser.world.settings.signer, environment="test/prod"))
    assert browser.open(mine).status_code == 410
    assert browser.world.states(ids) == [SUSPENDED] * 2


def test_S13_tokens_and_codes_are_in_no_log_and_no_cache(tmp_path, caplog):
    caplog.set_level(logging.DEBUG, logger="hypersync")
    browser, _, request = asked(tmp_path)
    link = browser.link(f"approve?request={request.id}")
    answer = browser.answer(link)
    browser.open(link.replace("token=", "token=x"))
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert caplog.text
    assert browser.token() not in caplog.text
    assert browser.code() not in caplog.text
    stored = repr(everything(browser))
    assert browser.token() not in stored
    assert browser.code() not in stored


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example.org"},
    ],
)
def test_S14_a_form_of_another_site_decides_nothing(tmp_path, headers):
    browser, ids, request = asked(tmp_path)
    link = browser.link(f"approve?request={request.id}")
    fields = {**browser.form(link), "code": browser.code()}
    browser.headers = headers
    assert browser.post(link, fields).status_code == 403
    assert browser.world.states(ids) == [SUSPENDED] * 2


def test_S15_no_page_can_be_framed_and_none_loads_anything_from_elsewhere(tmp_path):
    browser, _, _ = asked(tmp_path)
    for link in (
        *browser.links(),
        "/report/pending",
        "/report/runs",
        "/nothing",
        "/static/page.js",
    ):
        page = browser.open(link)
        assert page.headers["X-Frame-Options"] == "DENY"
        policy = page.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self'")
        assert "frame-ancestors 'none'" in policy
        for address in re.findall(r'(?:src|action)="([^"]*)"', page.text):
            assert address.startswith(("/static/", "/assets/", "/sign-out"))


def test_S16_nothing_in_a_link_says_where_to_go(tmp_path):
    browser, _, request = asked(tmp_path)
    link = browser.link(f"approve?request={request.id}")
    for name in ("next", "url", "return_to"):
        page = browser.open(f"{link}&{name}=https://evil.example.org/")
        assert page.status_code == 200
        assert "evil" not in page.text
    assert browser.open("/?next=https://evil.example.org").headers["Location"] == "/dashboard"


def test_S17_links_are_built_from_the_configuration_never_from_the_request(tmp_path):
    browser, _, _ = asked(tmp_path)
    browser.headers = {"Host": "evil.example.org"}
    assert browser.open("/report/pending").status_code == 400
    browser.headers = {"Host": "127.0.0.1:8080"}
    page = browser.open("/report/pending")
    assert page.status_code == 200
    assert "https://iam.example.org/hypersync/approve?" in page.text
    browser.headers = {"Host": "iam.example.org"}
    assert browser.open(browser.link("/hypersync/approve?")).status_code == 200


def test_S19_values_are_text_on_pages_and_nothing_is_hidden(tmp_path):
    world = stopped(tmp_path)
    ids = world.suspend(
        after={"title": "<img src=x onerror=alert(1)>", "name": "a\u202eb", "big": "x" * 10**6},
        title="<script>alert(1)</script>",
    )
    request = world.ask(ids)
    browser = Browser(world)
    browser.post_office()
    for link in (
        browser.link(f"approve?request={request.id}"),
        "/report/pending",
        f"/report/runs/{world.run}",
    ):
        page = browser.open(link).text
        assert "<img" not in page
        assert "<script>" not in page
        assert "&lt;script&gt;" in page
        assert "a[U+202E]b" in page
        assert len(page) < 20_000


def test_S26_a_value_that_looks_like_a_template_is_only_text(tmp_path):
    world = stopped(tmp_path)
    request = world.ask(world.suspend(title="{{ 7 * 7 }}", after={"x": "{% raise %}"}))
    browser = Browser(world)
    browser.post_office()
    page = browser.open(browser.link(f"approve?request={request.id}")).text
    assert "{{ 7 * 7 }}" in page
    assert "{{ 7 * 7 }}" in browser.bag.messages[0].text


def test_S33_an_answer_counts_although_the_mail_was_not_recorded_as_sent(tmp_path):
    browser, ids, request = asked(tmp_path)
    with browser.world.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE delivery SET state = 'sending', sent_at = NULL")
    assert browser.answer(browser.link(f"approve?request={request.id}")).status_code == 200
    assert browser.world.states(ids) == [APPROVED] * 2
