"""The page of whoever is signed in: their sessions and their password."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.signing_in import PASSWORD, browser, csrf_of, enter, secret_of, signed_in

NEW = "another good password"


def change(made, old: str = PASSWORD, new: str = NEW, again: str = NEW):
    fields = {"csrf": csrf_of(made), "old": old, "new": new, "again": again}
    return made.post("/you/password", fields)


def test_it_says_who_it_is_and_where_they_are_signed_in(tmp_path):
    made = signed_in(tmp_path)
    phone = replace(made, _client=None)
    enter(phone, "ann")
    page = phone.open("/you").text
    for word in ("Ann Ng", "ann@example.org", "approver", "with a password"):
        assert word in page
    assert page.count("<tr>") == 3
    assert page.count("this one") == 1
    assert secret_of(made) not in page


def test_it_signs_out_everywhere(tmp_path):
    made = signed_in(tmp_path)
    phone = replace(made, _client=None)
    enter(phone, "ann")
    fields = made.form("/you")
    assert fields["everywhere"] == "1"
    assert made.post("/sign-out", {"csrf": fields["csrf"], "everywhere": "1"}).status_code == 303
    assert phone.open("/you").status_code == 302


def test_a_password_is_changed_by_who_knows_it_and_ends_the_other_sessions(tmp_path):
    made = signed_in(tmp_path)
    phone = replace(made, _client=None)
    enter(phone, "ann")
    before = secret_of(made)
    changed = change(made)
    assert (changed.status_code, changed.headers["Location"]) == (303, "/you?changed=1")
    assert secret_of(made) != before
    assert "Your password is changed." in made.open("/you?changed=1").text
    assert phone.open("/you").status_code == 302
    assert enter(phone, "ann").status_code == 403
    assert enter(phone, "ann", NEW).status_code == 303
    (event,) = [row for row in made.world.rows("event") if row["kind"] == "account_password"]
    assert event["by"] == "person:ann"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"old": "wrong"}, "The password you have now is another one."),
        ({"old": ""}, "The password you have now is another one."),
        ({"again": "a different password"}, "The two new passwords differ"),
        ({"new": "short", "again": "short"}, "The password is too short"),
        ({"new": "ann@example.org", "again": "ann@example.org"}, "too easy to guess"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(tmp_path, fields, sentence):
    made = signed_in(tmp_path)
    answer = change(made, **fields)
    assert answer.status_code == 403
    assert sentence in answer.text
    assert made.open("/you").status_code == 200
    assert enter(replace(made, _client=None), "ann").status_code == 303


def test_S11_who_found_a_session_open_cannot_try_its_password_for_ever(tmp_path):
    made = signed_in(tmp_path)
    codes = [change(made, old=f"wrong {number}").status_code for number in range(11)]
    assert codes == [403] * 10 + [429]
    assert change(made).status_code == 429


def test_nobody_has_no_page(tmp_path):
    made = browser(tmp_path)
    assert made.open("/you").headers["Location"] == "/sign-in?next=/you"
    assert made.post("/you/password", {"old": PASSWORD}).status_code == 403


def test_whom_a_proxy_names_has_no_sessions_and_no_password_here(tmp_path):
    proxy = {"proxy": {"header": "X-Remote-User", "from": ["192.0.2.7"]}, "accounts": "true"}
    made = browser(tmp_path, sign_in=proxy)
    made.headers["X-Remote-User"] = "ann"
    page = made.open("/you").text
    assert "by the proxy of your organisation" in page
    assert "<form" not in page
