"""Signing in with an account: the page, the session, what ends it, and the way back."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from hypersync.access.accounts import change_password, disable_account, remove_account
from hypersync.access.passwords import Passwords
from hypersync.approvals.directory import Directory
from hypersync.config.sign_in_models import SignInConfig
from hypersync.messages.render import Renderer
from hypersync.messages.samples import web_pages
from hypersync.messages.samples.frame import FRAME
from tests.asking import NOON, person
from tests.pages import Browser
from tests.signing_in import (
    EVERYBODY,
    PASSWORD,
    QUICK,
    account,
    browser,
    csrf_of,
    enter,
    hold,
    secret_of,
    signed_in,
)
from webui.sign_in.welcome import PASSWORDS
from webui.visitors import POLLED as POLLED_PARTS


def is_signed_in(browser: Browser) -> bool:
    return browser.open("/report/runs").status_code == 200


def test_a_page_that_needs_somebody_sends_nobody_to_the_sign_in_and_back(tmp_path):
    made = browser(tmp_path)
    account(made.world, "ann")
    asked = made.open("/report/runs?before=x&token=secret")
    assert asked.status_code == 302
    assert asked.headers["Location"] == "/sign-in?next=/report/runs%3Fbefore%3Dx"
    page = made.open(asked.headers["Location"])
    assert page.status_code == 200
    fields = made.form(asked.headers["Location"])
    assert fields["next"] == "/report/runs?before=x"
    entered = made.post("/sign-in", {**fields, "name": "ann", "password": PASSWORD})
    assert (entered.status_code, entered.headers["Location"]) == (303, "/report/runs?before=x")
    assert is_signed_in(made)


def test_a_part_of_a_page_sends_the_whole_page_to_the_sign_in(tmp_path):
    made = browser(tmp_path)
    made.headers |= {"HX-Request": "true", "HX-Current-URL": "https://evil.org/report/runs?x=1"}
    answer = made.open("/report/runs")
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in?next=/report/runs%3Fx%3D1"


def test_a_part_that_is_sent_after_the_session_ended_leads_to_the_sign_in_too(tmp_path):
    made = signed_in(tmp_path)
    form = csrf_of(made)
    made.time += timedelta(hours=1)
    made.headers |= {"HX-Request": "true", "HX-Current-URL": "https://iam.example.org/you"}
    answer = made.post("/you/password", {"csrf": form})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in?next=/you"


@pytest.mark.parametrize("name", ["ann", "ann@example.org", " ANN@example.org "])
def test_people_sign_in_by_their_name_or_their_address(tmp_path, name):
    made = browser(tmp_path)
    account(made.world, "ann")
    assert enter(made, name).status_code == 303
    page = made.open("/report/runs").text
    assert "Ann Ng" in page
    assert "Sign out" in page


@pytest.mark.parametrize(
    ("name", "password"),
    [("ann", "wrong"), ("nobody", PASSWORD), ("", PASSWORD), ("ann", ""), ("vic", PASSWORD)],
)
def test_whatever_is_wrong_the_answer_is_the_same_sentence(tmp_path, name, password):
    made = browser(tmp_path)
    account(made.world, "ann")
    answer = enter(made, name, password, following="/report/runs")
    assert answer.status_code == 403
    assert "The name or the password is wrong." in answer.text
    assert 'name="next" value="/report/runs"' in answer.text
    assert PASSWORD not in answer.text
    assert not is_signed_in(made)


def test_a_session_ends_when_it_is_not_used(tmp_path):
    made = signed_in(tmp_path)
    for _ in range(4):
        made.time += timedelta(minutes=50)
        assert is_signed_in(made)
    made.time += timedelta(hours=1)
    assert not is_signed_in(made)


POLLED = ("/report/pending/news?base=0.0.0.0", "/dashboard/now", "/report/runs/jobs/x/progress")


@pytest.mark.parametrize("address", POLLED)
def test_what_a_page_asks_for_by_itself_keeps_no_session_from_ending(tmp_path, address):
    made = signed_in(tmp_path, "oli")
    made.headers |= {"HX-Request": "true", "HX-Current-URL": "https://iam.example.org/dashboard"}
    for _ in range(5):
        assert made.open(address).status_code in (200, 404)
        made.time += timedelta(minutes=11)
    assert made.open(address).status_code in (200, 404)
    made.time += timedelta(minutes=11)
    answer = made.open(address)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in?next=/dashboard"
    assert not is_signed_in(made)


@pytest.mark.parametrize("headers", [{"HX-Request": "true"}, {"HX-Trigger": "poll"}, {}])
def test_what_somebody_asks_for_is_use_whatever_its_headers_say(tmp_path, headers):
    made = signed_in(tmp_path)
    made.headers |= headers
    for _ in range(4):
        made.time += timedelta(minutes=50)
        assert made.open("/report/pending").status_code == 200


def test_every_address_that_a_page_asks_for_by_itself_is_known_as_such(tmp_path):
    """The templates say which; a new one has to be added to `POLLED`."""
    urls = browser(tmp_path).client().application.url_map.bind("iam.example.org")
    views = web_pages()
    views["job"] = replace(views["job"], is_running=True)
    found = set()
    for name, view in views.items():
        page = Renderer().render(f"web/{name}.html", view, frame=FRAME)
        for tag in re.findall(r'<[^>]*hx-trigger="every [^>]*>', page):
            path = re.search(r'hx-get="([^"?]*)', tag)[1]
            found.add(urls.match(path)[0])
    assert found == POLLED_PARTS


def test_a_session_ends_after_its_longest_time_however_much_it_is_used(tmp_path):
    made = signed_in(tmp_path)
    for _ in range(23):
        made.time += timedelta(minutes=31)
        assert is_signed_in(made)
    made.time += timedelta(minutes=31)
    assert not is_signed_in(made)


def test_a_session_ends_when_its_person_leaves_the_configuration(tmp_path):
    made = signed_in(tmp_path)
    cookie = secret_of(made)
    made.use(directory=Directory({"vic": EVERYBODY[0]}))
    hold(made, cookie)
    assert not is_signed_in(made)


@pytest.mark.parametrize("how", ["disabled", "removed", "password"])
def test_a_session_ends_with_its_account_or_its_password(tmp_path, how):
    made = signed_in(tmp_path)
    store = made.world.store
    if how == "disabled":
        disable_account(store, "ann", by="cli:x", now=NOON)
    elif how == "removed":
        remove_account(store, "ann", by="cli:x", now=NOON)
    else:
        change_password(
            store,
            "ann",
            "another good password",
            by="cli:x",
            now=NOON,
            directory=made.world.settings.directory,
            passwords=QUICK,
        )
    assert not is_signed_in(made)
    assert enter(made, "ann").status_code == 403


def test_an_account_that_is_disabled_behind_our_back_ends_the_session_too(tmp_path):
    made = signed_in(tmp_path)
    with made.world.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE account SET disabled_at = '2026-03-02 12:00:00.000000'")
    assert not is_signed_in(made)


def test_signing_out_ends_the_session_for_who_kept_the_cookie_too(tmp_path):
    made = signed_in(tmp_path)
    cookie = secret_of(made)
    out = made.post("/sign-out", {"csrf": csrf_of(made)})
    assert (out.status_code, out.headers["Location"]) == (303, "/sign-in")
    assert secret_of(made) == ""
    hold(made, cookie)
    assert not is_signed_in(made)


def test_signing_out_everywhere_ends_the_sessions_of_other_browsers(tmp_path):
    made = signed_in(tmp_path)
    phone = replace(made, _client=None)
    assert enter(phone, "ann").status_code == 303
    other = replace(made, _client=None)
    account(made.world, "vic")
    assert enter(other, "vic").status_code == 303
    assert made.post("/sign-out", {"csrf": csrf_of(made), "everywhere": "1"}).status_code == 303
    assert not is_signed_in(phone)
    assert is_signed_in(other)


def test_roles_are_those_of_the_configuration_at_every_request(tmp_path):
    made = signed_in(tmp_path)
    cookie = secret_of(made)
    made.use(directory=Directory({"ann": person("ann", roles=frozenset())}))
    hold(made, cookie)
    answer = made.open("/report/runs")
    assert answer.status_code == 403
    assert "This takes the role viewer." in answer.text


def test_a_password_is_hashed_again_when_the_parameters_change(tmp_path):
    made = browser(tmp_path)
    account(made.world, "ann")
    (before,) = made.world.rows("account")
    assert "m=8,t=1" in str(before["password"])
    stronger = Passwords(PasswordHasher(time_cost=2, memory_cost=64))
    made.client().application.extensions[PASSWORDS] = stronger
    assert enter(made, "ann", "wrong").status_code == 403
    assert made.world.rows("account")[0]["password"] == before["password"]
    assert enter(made, "ann").status_code == 303
    (after,) = made.world.rows("account")
    assert "m=64,t=2" in str(after["password"])
    assert enter(replace(made, _client=None), "ann").status_code == 303


def test_passwords_are_hashed_as_recommended(tmp_path):
    made = Browser(browser(tmp_path).world, configured={"sign_in": SignInConfig(accounts=True)})
    passwords = made.client().application.extensions[PASSWORDS]
    assert passwords.hashed(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_who_is_signed_in_needs_no_page_to_sign_in(tmp_path):
    made = signed_in(tmp_path)
    again = made.open("/sign-in?next=/report/runs")
    assert (again.status_code, again.headers["Location"]) == (302, "/report/runs")


def test_without_a_sign_in_there_is_no_page_for_it(tmp_path):
    made = browser(tmp_path)
    made.configured = {}
    assert made.open("/sign-in").status_code == 404
    assert made.post("/sign-in", {"name": "ann", "password": PASSWORD}).status_code == 404
    assert made.open("/report/runs").status_code == 403


def test_signing_in_and_out_is_written_down(tmp_path):
    made = signed_in(tmp_path)
    made.post("/sign-out", {"csrf": csrf_of(made)})
    rows = [(row["kind"], row["by"]) for row in made.world.rows("event")]
    assert ("sign_in", "person:ann") in rows
    assert ("sign_out", "person:ann") in rows


def test_a_composed_and_a_decomposed_password_are_the_same(tmp_path):
    made = browser(tmp_path)
    account(made.world, "ann", "se\u0301same ouvre-toi")
    assert enter(made, "ann", "s\u00e9same ouvre-toi").status_code == 303
