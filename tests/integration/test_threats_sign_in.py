"""The threats to signing in, one test each or more, by their numbers in the design."""

from __future__ import annotations

import io
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import pytest

from hypersync.access.accounts import check_password
from hypersync.access.passwords import Passwords
from hypersync.access.people import person_named
from hypersync.approvals.directory import Directory
from hypersync.approvals.links import Links
from hypersync.errors import SignInRefused
from hypersync.ports.store.accounts import Session
from tests.asking import NOON, person
from tests.databases import open_store
from tests.oidc import lying
from tests.postgresql import both_databases
from tests.signing_in import (
    COOKIE,
    EVERYBODY,
    PASSWORD,
    account,
    browser,
    csrf_of,
    enter,
    hold,
    secret_of,
    signed_in,
)
from webui.addresses import START, own_path
from webui.security import MOST_ADDRESSES, MOST_FAILURES, Failures

KNOWN = f"{COOKIE}-known"
ELSEWHERE = [
    "//evil.example.org",
    "///evil.example.org",
    "/\\evil.example.org",
    "\\\\evil.example.org",
    "https:evil.example.org",
    "https://evil.example.org/report/runs",
    "http:/evil.example.org",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example.org",
    "@evil.example.org",
    "/%2fevil.example.org",
    "/%2Fevil.example.org",
    "/%252fevil.example.org",
    "%2f%2fevil.example.org",
    "/%5cevil.example.org",
    "/%255c/evil.example.org",
    "/.//evil.example.org",
    "/..//evil.example.org",
    "/%2e%2e//evil.example.org",
    "/report/..//evil.example.org",
    "/\t/evil.example.org",
    "/\n/evil.example.org",
    "/%09/evil.example.org",
    "/%0d%0aLocation:%20https://evil.example.org",
    "/\r\nSet-Cookie: x=y",
    "/\x00/evil.example.org",
    " //evil.example.org",
    "\u2215\u2215evil.example.org",
    "/\uff0fevil.example.org",
    "/report/runs\u202e",
    "/" + "a" * 2000,
    "/sign-in",
    "/sign-in/openid",
    "/sign-out",
    "",
]


# --- S11 ---------------------------------------------------------------------------------------


def test_S11_an_unknown_name_a_disabled_account_and_a_wrong_password_answer_alike(tmp_path):
    made = browser(tmp_path)
    account(made.world, "ann")
    account(made.world, "vic")
    with made.world.store.begin() as unit:
        unit.accounts.disable("vic", made.time)
    tries = {"ann": "wrong", "vic": PASSWORD, "zoe": PASSWORD, "oli": PASSWORD}
    answers = {name: enter(made, name, password) for name, password in tries.items()}
    assert {each.status_code for each in answers.values()} == {403}
    assert len({page.text.replace(f'value="{name}"', "") for name, page in answers.items()}) == 1
    assert len({str(page.headers) for page in answers.values()}) == 1


def test_S11_where_nobody_is_known_as_much_is_hashed_as_where_somebody_is(tmp_path):
    """Counted in verifications and not in seconds, which vary."""
    counted = []

    class Counting(Passwords):
        def is_right(self, stored, password):
            counted.append(len(stored or self._nobodys))
            return super().is_right(stored, password)

    made = browser(tmp_path)
    passwords = Counting()
    account(made.world, "ann", passwords=passwords)
    directory = made.world.settings.directory
    for name in ("ann", "oli", "nobody", "", "a" * 10**6, "ann\x00", "x\ny"):
        with pytest.raises(SignInRefused):
            check_password(
                made.world.store, name, "wrong", directory=directory, passwords=passwords
            )
    assert len(counted) == 7
    assert len(set(counted)) == 1


def elsewhere(made):
    """Another browser before the same site."""
    return replace(made, _client=made.client().application.test_client())


def test_S11_tries_at_one_name_from_one_network_are_slowed_down(tmp_path):
    made = browser(tmp_path)
    account(made.world, "ann")
    account(made.world, "vic")
    codes = []
    for number in range(12):
        made.remote = f"198.51.100.{number}"
        name = "ann" if number % 2 else "ANN@example.org"
        codes.append(enter(made, name, "wrong").status_code)
    assert codes == [403] * 10 + [429] * 2
    late = enter(made, "ann")
    assert late.status_code == 429
    assert "Wait a quarter of an hour" in late.text
    assert enter(made, "vic").status_code == 303


def test_S11_tries_at_one_name_are_slowed_down_wherever_they_come_from(tmp_path):
    made = browser(tmp_path)
    account(made.world, "ann")
    account(made.world, "vic")
    codes = []
    for number in range(102):
        made.remote = f"198.51.{number}.1" if number % 2 else f"2001:db8:0:{number:x}::1"
        codes.append(enter(made, "ann", "wrong").status_code)
    assert codes == [403] * 100 + [429] * 2
    made.remote = "203.0.113.1"
    assert enter(made, "ann").status_code == 429
    assert enter(made, "vic").status_code == 303


def test_S11_tries_from_elsewhere_keep_nobody_out(tmp_path):
    made = browser(tmp_path)
    account(made.world, "ann")
    stranger = elsewhere(made)
    for number in range(12):
        stranger.remote = f"198.51.100.{number}"
        enter(stranger, "ann", "wrong")
    assert enter(stranger, "ann").status_code == 429
    assert enter(made, "ann").status_code == 303


def test_S11_a_browser_in_which_somebody_signed_in_is_not_locked_out_by_others(tmp_path):
    made = browser(tmp_path)
    account(made.world, "ann")
    account(made.world, "vic")
    assert enter(made, "ann").status_code == 303
    made.client().delete_cookie(COOKIE, domain="iam.example.org")
    stranger = elsewhere(made)
    for number in range(120):
        stranger.remote = made.remote if number < 30 else f"198.51.{number}.1"
        enter(stranger, "ann", "wrong")
    newcomer = replace(elsewhere(made), remote="203.0.113.1")
    assert enter(newcomer, "ann").status_code == 429
    assert enter(made, "vic").status_code == 429  # of the same address, and a stranger to vic
    assert enter(made, "ann@example.org").status_code == 303


def test_S11_a_browser_that_is_known_may_not_guess_for_ever_either(tmp_path):
    made = browser(tmp_path)
    account(made.world, "ann")
    assert enter(made, "ann").status_code == 303
    made.client().delete_cookie(COOKIE, domain="iam.example.org")
    codes = []
    for number in range(12):
        made.remote = f"198.51.{number}.1"
        codes.append(enter(made, "ann", "wrong").status_code)
    assert codes == [403] * 10 + [429] * 2
    assert enter(made, "ann").status_code == 429
    assert enter(elsewhere(made), "ann").status_code == 303


@pytest.mark.parametrize("change", ["person", "nonce", "seal", "environment", "words"])
def test_S11_nobody_makes_themselves_a_known_browser(tmp_path, change):
    made = browser(tmp_path)
    account(made.world, "ann")
    account(made.world, "vic")
    assert enter(made, "vic" if change == "person" else "ann").status_code == 303
    kept = made.client().get_cookie(KNOWN, domain="iam.example.org").value
    nonce, seal = kept.split(".")
    forged = {
        "nonce": f"{nonce[::-1]}.{seal}",
        "seal": f"{nonce}.{seal[::-1]}",
        "words": "\u00e9.." + "x" * 3000,
    }
    if change == "environment":
        made.use(signer=replace(made.world.settings.signer, environment="test/prod"))
    stranger = elsewhere(made)
    stranger.client().set_cookie(
        KNOWN, forged.get(change, kept), domain="iam.example.org", secure=True
    )
    codes = []
    for number in range(102):
        stranger.remote = f"198.51.{number}.1"
        codes.append(enter(stranger, "ann", "wrong").status_code)
    assert codes == [403] * 100 + [429] * 2  # as for every stranger, and not ten


def test_S11_the_cookie_of_a_known_browser_says_nothing_and_opens_nothing(tmp_path):
    made = browser(tmp_path)
    account(made.world, "ann")
    session, known = enter(made, "ann").headers.getlist("Set-Cookie")
    assert session.startswith(f"{COOKIE}=")
    assert known.startswith(f"{KNOWN}=")
    for part in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=34560000"):
        assert part in known
    assert "Domain" not in known
    assert "ann" not in known.split(";")[0].casefold()
    made.client().delete_cookie(COOKIE, domain="iam.example.org")
    assert made.open("/report/runs").status_code == 302
    hold(made, made.client().get_cookie(KNOWN, domain="iam.example.org").value)
    assert made.open("/report/runs").status_code == 302
    again = enter(made, "ann").headers.getlist("Set-Cookie")[1]
    assert again.split(".")[0] == known.split(".")[0]


def test_S11_what_strangers_fail_keeps_nobody_from_changing_their_password(tmp_path):
    made = signed_in(tmp_path)
    form, stranger = csrf_of(made), elsewhere(made)
    for _ in range(30):
        stranger.post("/you/password", {"name": "ann", "old": "wrong"})
        enter(stranger, "ann", "wrong")
    new = "another good password"
    fields = {"csrf": form, "old": PASSWORD, "new": new, "again": new}
    assert made.post("/you/password", fields).status_code == 303


def test_S11_tries_of_one_address_are_slowed_down_whatever_the_names(tmp_path):
    made = browser(tmp_path)
    account(made.world, "ann")
    codes = [enter(made, f"name-{number}", "wrong").status_code for number in range(22)]
    assert codes == [403] * 20 + [429] * 2
    assert enter(made, "ann").status_code == 429
    made.remote = "198.51.100.9"
    assert enter(made, "ann").status_code == 303


def test_S11_a_network_of_version_6_is_one_address(tmp_path):
    made = browser(tmp_path)
    codes = set()
    for number in range(22):
        made.remote = f"2001:db8:0:1::{number:x}"
        codes.add(enter(made, f"name-{number}", "wrong").status_code)
    assert 429 in codes
    made.remote = "2001:db8:0:2::1"
    assert enter(made, "x", "wrong").status_code == 403


def test_S11_who_signs_in_again_and_again_is_not_slowed_down(tmp_path):
    made = browser(tmp_path)
    account(made.world, "ann")
    for _ in range(25):
        made.client().delete_cookie(COOKIE, domain="iam.example.org")
        assert enter(made, "ann").status_code == 303


def test_S11_tries_in_parallel_are_slowed_down_too(tmp_path):
    made = browser(tmp_path)
    account(made.world, "ann")
    made.client()
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: enter(made, "ann", "wrong").status_code, range(40)))
    assert codes.count(403) <= 10 + 8
    assert enter(made, "ann").status_code == 429


def test_S11_strangers_behind_a_named_proxy_are_counted_each(tmp_path):
    made = browser(tmp_path, proxies=("10.0.0.5",))
    account(made.world, "ann")
    made.remote = "10.0.0.5"
    made.headers["X-Forwarded-For"] = "203.0.113.9"
    for number in range(21):
        last = enter(made, f"name-{number}", "wrong").status_code
    assert last == 429
    made.headers["X-Forwarded-For"] = "1.1.1.1, 203.0.113.10"
    assert enter(made, "ann").status_code == 303


def test_S11_a_stranger_cannot_choose_the_address_that_is_counted(tmp_path):
    made = browser(tmp_path)
    for number in range(21):
        made.headers["X-Forwarded-For"] = f"203.0.113.{number}"
        last = enter(made, f"name-{number}", "wrong").status_code
    assert last == 429


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"password": "x" * 1_000_000}, 413),
        ({"password": "x" * 60_000}, 403),
        ({"name": "x" * 60_000}, 403),
        ({"name": "ann\x00"}, 403),
        ({"name": "ann\r\nSet-Cookie: x=y"}, 403),
        ({"name": "\u202enna"}, 403),
        ({"name": "<script>alert(1)</script>"}, 403),
        ({"name": "{{ 7 * 7 }}"}, 403),
    ],
)
def test_fields_of_any_size_and_kind_get_a_sentence(tmp_path, fields, status):
    made = browser(tmp_path)
    account(made.world, "ann")
    answer = made.post("/sign-in", {"name": "ann", "password": "wrong", **fields})
    assert answer.status_code == status
    assert "<h1>" in answer.text
    assert "<script>alert" not in answer.text
    assert len(answer.text) < 10_000
    assert "Set-Cookie" not in answer.headers


def test_a_file_in_place_of_a_field_is_no_password(tmp_path):
    made = browser(tmp_path)
    account(made.world, "ann")
    answer = made.client().post(
        "/sign-in",
        data={"name": "ann", "password": (io.BytesIO(PASSWORD.encode()), "password.txt")},
        headers=made.headers,
        environ_base={"REMOTE_ADDR": made.remote},
    )
    assert answer.status_code == 403


def test_S11_counting_failures_takes_no_more_memory_however_many_addresses_fail():
    failures = Failures()
    for _ in range(MOST_FAILURES):
        failures.add("192.0.2.7", NOON)
    for number in range(3 * MOST_ADDRESSES):
        failures.add(f"address {number}", NOON + timedelta(minutes=2))
        assert len(failures._by_address) <= MOST_ADDRESSES
    assert not failures.are_many("192.0.2.7", NOON)


# --- S13 ---------------------------------------------------------------------------------------


def test_S13_neither_passwords_nor_sessions_nor_names_are_logged_or_stored(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    made = browser(tmp_path)
    account(made.world, "ann")
    enter(made, "ann", "a wrong password")
    enter(made, PASSWORD, "typed-into-the-wrong-field")
    assert enter(made, "ann").status_code == 303
    form = csrf_of(made)
    made.open("/report/runs")
    made.post("/sign-out", {"csrf": "x"})
    stored = repr([made.world.rows(name) for name in ("account", "session", "event")])
    assert "refused to sign in ann" in caplog.text
    assert "refused to sign in somebody" in caplog.text
    for secret in (PASSWORD, "a wrong password", "typed-into", secret_of(made), form):
        assert secret not in caplog.text
        assert secret not in stored


def test_S13_a_page_that_fails_says_where_in_the_log_and_not_about_what(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    made = signed_in(tmp_path)
    secret = secret_of(made)
    site = made.client().application

    @site.get("/fails/<what>")
    def fails(what):
        try:
            int(f"value of somebody {what}")
        except ValueError as error:
            raise KeyError(what) from error

    answer = made.open("/fails/a-value?token=a-token")
    assert answer.status_code == 500
    assert "a-value" not in answer.text
    assert "builtins.KeyError" in caplog.text
    assert "builtins.ValueError" in caplog.text
    assert "in fails" in caplog.text
    for word in ("a-value", "value of somebody", "a-token", secret):
        assert word not in caplog.text


@both_databases
def test_S13_what_the_database_refuses_is_logged_without_its_values(tmp_path, database_url, caplog):
    caplog.set_level(logging.DEBUG)
    made = signed_in(tmp_path)
    store = open_store(database_url)
    site = made.client().application

    @site.get("/fails")
    def fails():
        session = Session(
            hash="a-secret-hash",
            person="ann",
            way="account",
            created_at=NOON,
            seen_at=NOON,
            ends_at=NOON + timedelta(days=1),
        )
        with store.begin() as unit:
            unit.sessions.start(session)
            unit.sessions.start(session)

    assert made.open("/fails").status_code == 500
    store.close()
    assert "a page failed" in caplog.text
    assert "the database refused" in caplog.text
    assert "a-secret-hash" not in caplog.text


def test_S13_no_page_of_a_session_is_kept_by_the_browser(tmp_path):
    made = signed_in(tmp_path)
    for page in ("/report/runs", "/sign-in", "/nothing"):
        assert made.open(page).headers["Cache-Control"] == "no-store"
        assert made.open(page).headers["Referrer-Policy"] == "no-referrer"


# --- S14 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [None, "", "x", "\u00e9", "x" * 10_000])
def test_S14_what_is_sent_in_a_session_without_what_its_pages_were_given_is_refused(
    tmp_path, given
):
    made = signed_in(tmp_path)
    answer = made.post("/sign-out", {} if given is None else {"csrf": given})
    assert answer.status_code == 403
    assert made.open("/report/runs").status_code == 200


def test_S14_what_the_pages_of_one_session_were_given_is_no_good_in_another(tmp_path):
    made = signed_in(tmp_path)
    account(made.world, "vic")
    other = replace(made, _client=None)
    enter(other, "vic")
    assert made.post("/sign-out", {"csrf": csrf_of(other)}).status_code == 403
    assert made.post("/sign-out", {"csrf": csrf_of(made)}).status_code == 303


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_S14_every_method_that_may_change_something_is_looked_at(tmp_path, method):
    made = signed_in(tmp_path)
    refused = made.open("/report/runs", method)
    assert refused.status_code == 403
    made.headers["X-CSRF-Token"] = csrf_of(made)
    assert made.open("/report/runs", method).status_code == 405


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.org"}]
)
def test_S14_another_site_signs_nobody_in_or_out(tmp_path, headers):
    made = signed_in(tmp_path)
    form = csrf_of(made)
    made.headers |= headers
    assert made.post("/sign-out", {"csrf": form}).status_code == 403
    assert enter(replace(made, _client=None), "ann").status_code == 403


# --- who it is ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "who"),
    [
        ("KIM@Example.ORG", "kim"),
        ("\u212aim@example.org", None),
        ("\u017fara@example.org", None),
        ("stra\u00dfe@example.org", None),
        ("ki\u0307m@example.org", None),
        ("j\u00f6rg@example.org", "jo"),
        ("J\u00d6RG@example.org", None),
        ("jo\u0308rg@example.org", None),
    ],
)
def test_S38_a_letter_that_only_folds_to_another_is_another_address(address, who):
    known = [person("kim"), person("sara"), person("st", email="strasse@example.org")]
    known.append(person("jo", email="j\u00f6rg@example.org"))
    found = person_named(address, "email", Directory(people={each.id: each for each in known}))
    assert (None if found is None else found.id) == who


# --- S16 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_S16_after_signing_in_nobody_is_sent_elsewhere(tmp_path, wanted):
    assert own_path(wanted) == START


@pytest.mark.parametrize("wanted", ELSEWHERE[:12])
def test_S16_whichever_way_the_wish_comes(tmp_path, wanted):
    made = browser(tmp_path)
    account(made.world, "ann")
    page = made.open(f"/sign-in?next={quote(wanted, safe='')}")
    assert "evil" not in page.text
    answer = enter(made, "ann", following=wanted)
    assert answer.headers["Location"] == START
    again = made.open(f"/sign-in?next={quote(wanted, safe='')}")
    assert again.headers["Location"] == START


def test_S16_the_way_to_a_provider_takes_no_other_site_along(tmp_path):
    with lying() as liar:
        sign_in = {"openid": {"issuer": liar.issuer, "client_id": "hypersync"}}
        made = browser(tmp_path, sign_in=sign_in)
        away = made.open("/sign-in/openid?next=//evil.example.org").headers["Location"]
        assert "evil" not in away
        back = liar.begin(away).removeprefix("https://iam.example.org")
        assert "evil" not in made.open(back).text


@pytest.mark.parametrize(
    "wanted",
    [
        "/report/runs",
        "/report/runs?before=x&after=y",
        "/hypersync/approve?run=R&rule=disable-leaver",
        "/hypersync/run=R&rule=disable-leaver",
        "/identities?q=Ng%20%C3%A9",
        "/identities/ad/user/CN%3DAnn%20Ng%2COU%3DIT",
    ],
)
def test_a_page_of_this_site_is_gone_back_to(wanted):
    assert own_path(wanted).replace("+", "%20") == wanted


def test_the_token_of_a_link_is_not_taken_along():
    assert own_path("/hypersync/approve?action=A&token=secret") == "/hypersync/approve?action=A"


# --- S38 ---------------------------------------------------------------------------------------


def test_S38_a_session_that_somebody_else_chose_is_not_taken_over(tmp_path):
    made = browser(tmp_path)
    account(made.world, "ann")
    chosen = "A" * 43
    hold(made, chosen)
    assert enter(made, "ann").status_code == 303
    assert secret_of(made) not in ("", chosen)
    hold(made, chosen)
    assert made.open("/report/runs").status_code == 302


def test_S38_the_session_of_whoever_used_the_browser_before_ends_at_a_sign_in(tmp_path):
    made = signed_in(tmp_path, "ann")
    account(made.world, "vic")
    before, form = secret_of(made), csrf_of(made)
    assert enter(made, "vic", csrf=form).status_code == 303
    assert secret_of(made) != before
    hold(made, before)
    assert made.open("/report/runs").status_code == 302
    assert [row["person"] for row in made.world.rows("session")] == ["vic"]


@pytest.mark.parametrize("secret", ["", "x", "\u00e9", "' OR 1=1 --", "a" * 3000, "\x7f"])
def test_S38_what_is_no_session_is_nobody(tmp_path, secret):
    made = signed_in(tmp_path)
    made.client().delete_cookie(COOKIE, domain="iam.example.org")
    made.headers["Cookie"] = f"{COOKIE}={secret}".encode().decode("latin-1")
    assert made.open("/report/runs").status_code == 302


def test_the_cookie_is_for_this_host_and_for_nothing_but_its_own_pages(tmp_path):
    made = browser(tmp_path)
    account(made.world, "ann")
    said = enter(made, "ann").headers["Set-Cookie"]
    assert said.startswith("__Host-hypersync=")
    for part in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"):
        assert part in said
    assert "Domain" not in said
    assert "Expires" not in said


def test_without_https_the_cookie_says_so_and_is_still_no_scripts(tmp_path):
    made = browser(tmp_path)
    account(made.world, "ann")
    made.use(links=Links("http://localhost:8080"))
    made.headers = {"Host": "localhost:8080"}
    said = enter(made, "ann").headers["Set-Cookie"]
    assert said.startswith("hypersync=")
    assert "Secure" not in said
    assert "HttpOnly" in said


# --- roles -------------------------------------------------------------------------------------

PAGES = {"/report/pending": "viewer", "/report/runs": "viewer", "/report/runs/unknown": "viewer"}


@pytest.mark.parametrize("page", PAGES)
def test_nobody_sees_a_page_without_signing_in(tmp_path, page):
    made = browser(tmp_path)
    for remote in ("192.0.2.7", "127.0.0.1"):
        made.remote = remote
        for host in ("iam.example.org", "localhost"):
            made.headers = {"Host": host}
            answer = made.open(page)
            assert answer.status_code == 302
            assert answer.headers["Location"].startswith("/sign-in")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("who", [each.id for each in EVERYBODY])
def test_every_role_may_look(tmp_path, who, page):
    made = signed_in(tmp_path, who)
    assert made.open(page).status_code in (200, 404)


def test_under_https_browsers_are_told_to_stay_with_it(tmp_path):
    made = browser(tmp_path)
    assert "max-age" in made.open("/sign-in").headers["Strict-Transport-Security"]
    made.use(links=Links("http://localhost:8080"))
    made.headers = {"Host": "localhost"}
    assert "Strict-Transport-Security" not in made.open("/sign-in").headers


@pytest.mark.parametrize("page", ["/report/runs", "/report/runs/unknown"])
def test_somebody_without_a_role_sees_nothing(tmp_path, page):
    made = signed_in(tmp_path, "eve", person("eve", roles=frozenset()))
    answer = made.open(page)
    assert answer.status_code == 403
    assert "This takes the role viewer." in answer.text
