"""Signing in with OpenID Connect: a real provider, one that lies, and one that is down."""

from __future__ import annotations

import hmac
import logging
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import jsonify

from hypersync.clock import SystemClock
from tests.asking import person
from tests.oidc import lying, own_key, provider
from tests.pages import Browser
from tests.processes import free_port
from tests.signing_in import COOKIE, EVERYBODY, browser, secret_of

__all__ = ["provider"]

KEPT = "__Host-hypersync-sign-in"


def visiting(folder, issuer, *people, **openid) -> Browser:
    said = {"issuer": issuer, "client_id": "hypersync", "client_secret": "a-secret", **openid}
    made = browser(folder, *(people or EVERYBODY), sign_in={"openid": said})
    made.time = SystemClock().now()
    return made


def leave(browser: Browser, following: str = "/report/runs") -> str:
    """Go to the provider; returns the address there."""
    answer = browser.open(f"/sign-in/openid?{urlencode({'next': following})}")
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def back(browser: Browser, address: str):
    """Come back from the provider."""
    parts = urlsplit(address)
    assert f"{parts.scheme}://{parts.netloc}" == "https://iam.example.org"
    return browser.open(f"{parts.path}?{parts.query}")


def b64(given: bytes) -> str:
    return urlsafe_b64encode(given).rstrip(b"=").decode()


def query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def test_somebody_whom_the_provider_knows_comes_in_and_goes_on(tmp_path, provider):
    provider.knows("s-ann", email="ann@example.org", email_verified=True)
    made = visiting(tmp_path, provider.issuer)
    page = made.open("/report/runs").headers["Location"]
    assert 'href="/sign-in/openid?next=/report/runs"' in made.open(page).text
    answer = back(made, provider.sign_in(leave(made), "s-ann"))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/report/runs")
    assert "Ann Ng" in made.open("/report/runs").text
    (session,) = made.world.rows("session")
    assert (session["person"], session["way"]) == ("ann", "openid")


def test_the_way_there_carries_state_nonce_and_a_challenge_and_asks_for_a_code(tmp_path, provider):
    first, second = (query(leave(visiting(tmp_path, provider.issuer))) for _ in range(2))
    assert first["response_type"] == "code"
    assert first["code_challenge_method"] == "S256"
    assert first["redirect_uri"] == "https://iam.example.org/sign-in/openid/back"
    assert first["scope"] == "openid email profile"
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 43
        assert first[name] != second[name]
    assert len({first[name] for name in ("state", "nonce", "code_challenge")}) == 3


def test_the_code_goes_with_the_verifier_that_fits_the_challenge(tmp_path):
    with lying() as liar:
        made = visiting(tmp_path, liar.issuer)
        address = leave(made)
        assert back(made, liar.begin(address)).status_code == 303
    (asked,) = liar.asked
    digest = sha256(asked["code_verifier"].encode()).digest()
    assert query(address)["code_challenge"] == b64(digest)
    assert asked["redirect_uri"] == "https://iam.example.org/sign-in/openid/back"


def test_by_subject(tmp_path, provider):
    made = visiting(
        tmp_path, provider.issuer, person("eva", subject="s-eva"), claim="sub", names="subject"
    )
    assert back(made, provider.sign_in(leave(made), "s-eva")).status_code == 303
    assert "Eva Ng" in made.open("/report/runs").text


def test_by_a_claim_of_the_providers_own(tmp_path, provider):
    provider.knows("s-9", login="ann")
    made = visiting(tmp_path, provider.issuer, claim="login", names="person")
    assert back(made, provider.sign_in(leave(made), "s-9")).status_code == 303


def test_a_claim_that_only_the_user_info_tells_counts_when_it_is_about_the_same(tmp_path):
    with lying(claims={"login": None}) as liar:
        made = visiting(tmp_path, liar.issuer, claim="login", names="person")
        liar.user_info = {"sub": "s1", "login": "ann"}
        assert back(made, liar.begin(leave(made))).status_code == 303
        other = visiting(tmp_path / "..", liar.issuer, claim="login", names="person")
        other.world = made.world
        liar.user_info = {"sub": "s2", "login": "ann"}
        assert back(other, liar.begin(leave(other))).status_code == 403


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"email": "zoe@example.org", "email_verified": True}, "whom HyperSync does not know"),
        ({"email": "ann@example.org"}, "has not verified your mail address"),
        ({"email": "ann@example.org", "email_verified": False}, "has not verified"),
        ({"email": "ann@example.org", "email_verified": "false"}, "has not verified"),
        ({"email": ["ann@example.org"], "email_verified": True}, "did not say who you are"),
        ({"email": "", "email_verified": True}, "did not say who you are"),
        ({"email": "<b>\u202ex\n@example.org", "email_verified": True}, "&lt;b&gt;[U+202E]x"),
        ({}, "did not say who you are"),
    ],
)
def test_somebody_else_is_told_why_they_do_not_come_in(tmp_path, claims, sentence):
    with lying(claims={"email": None, "email_verified": None, **claims}) as liar:
        made = visiting(tmp_path, liar.issuer)
        answer = back(made, liar.begin(leave(made)))
    assert answer.status_code == 403
    assert sentence in answer.text
    assert "/sign-in/openid?next=/report/runs" in answer.text
    assert made.world.rows("session") == []


def test_an_address_that_is_not_verified_counts_where_the_configuration_says_so(tmp_path):
    with lying(claims={"email_verified": None}) as liar:
        made = visiting(tmp_path, liar.issuer, verified="false")
        assert back(made, liar.begin(leave(made))).status_code == 303


def test_who_refuses_at_the_provider_is_not_signed_in(tmp_path, provider):
    made = visiting(tmp_path, provider.issuer)
    answer = back(made, provider.deny(leave(made)))
    assert answer.status_code == 403
    assert "Your organisation did not sign you in." in answer.text


# --- a provider that is down -------------------------------------------------------------------


def test_a_provider_that_is_down_is_one_clear_page_with_a_way_to_try_again(tmp_path):
    made = visiting(tmp_path, f"http://127.0.0.1:{free_port()}")
    answer = made.open("/sign-in/openid?next=/report/runs")
    assert answer.status_code == 503
    assert "does not answer. Try again in a moment." in answer.text
    assert 'href="/sign-in/openid?next=/report/runs"' in answer.text
    assert "127.0.0.1" not in answer.text


def test_a_provider_that_comes_back_is_asked_again(tmp_path):
    with lying(discovery={"issuer": "https://other.example.org"}) as liar:
        made = visiting(tmp_path, liar.issuer)
        assert made.open("/sign-in/openid").status_code == 403
        liar.discovery = {}
        assert made.open("/sign-in/openid").status_code == 403
        assert liar.keys_asked == 0
        made.time += timedelta(seconds=5)
        assert back(made, liar.begin(leave(made))).status_code == 303


def test_a_provider_that_goes_down_in_between_is_the_same_page(tmp_path):
    with lying() as liar:
        made = visiting(tmp_path, liar.issuer)
        address = liar.begin(leave(made))
    answer = back(made, address)
    assert answer.status_code == 503
    assert "Try again in a moment." in answer.text


@pytest.mark.parametrize(
    "broken",
    [
        lambda _: ("", 500),
        lambda _: ("<html>", 200),
        lambda _: jsonify([]),
        lambda _: jsonify({}),
        lambda _: (jsonify({"error": "invalid_grant"}), 400),
        lambda _: jsonify({"access_token": "a", "token_type": "Bearer"}),
        lambda _: jsonify({"access_token": "a", "token_type": "Bearer", "id_token": "x.y.z"}),
        lambda _: jsonify({"access_token": "a", "token_type": "Bearer", "id_token": 7}),
        lambda _: ("", 302, {"Location": "http://127.0.0.1:1/"}),
    ],
)
def test_nonsense_from_the_token_endpoint_signs_nobody_in(tmp_path, broken):
    with lying(token=broken) as liar:
        made = visiting(tmp_path, liar.issuer)
        answer = back(made, liar.begin(leave(made)))
    assert answer.status_code in (403, 503)
    assert "sign-in of your organisation" in answer.text
    assert made.world.rows("session") == []


# --- a provider that lies ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "lie",
    [
        {"claims": {"nonce": "of-another-try"}},
        {"claims": {"nonce": None}},
        {"claims": {"iss": "https://other.example.org"}},
        {"claims": {"iss": None}},
        {"claims": {"aud": "another-client"}},
        {"claims": {"aud": ["another-client", "hypersync"], "azp": "another-client"}},
        {"claims": {"exp": 1}},
        {"claims": {"exp": None}},
        {"claims": {"sub": None}},
        {"claims": {"nbf": 4_000_000_000}},
        {"published": own_key()},
    ],
)
def test_an_id_token_that_is_not_as_it_should_be_signs_nobody_in(tmp_path, lie):
    with lying(**lie) as liar:
        made = visiting(tmp_path, liar.issuer)
        answer = back(made, liar.begin(leave(made)))
    assert answer.status_code == 403
    assert "no answer that can be trusted" in answer.text
    assert made.world.rows("session") == []
    assert secret_of(made) == ""


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_an_id_token_without_a_signature_of_the_provider_signs_nobody_in(tmp_path, algorithm):
    with lying() as liar:

        def forged(token: str):
            head = b64(f'{{"alg":"{algorithm}"}}'.encode())
            said = f"{head}.{token.split('.')[1]}"
            key = liar.key.as_pem(private=False)
            mac = "" if algorithm == "none" else b64(hmac.digest(key, said.encode(), "sha256"))
            return jsonify(
                {"access_token": "a", "token_type": "Bearer", "id_token": f"{said}.{mac}"}
            )

        liar.token = forged
        made = visiting(tmp_path, liar.issuer)
        assert back(made, liar.begin(leave(made))).status_code == 403


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://other.example.org"},
        {"token_endpoint": "http://192.0.2.9/token"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
def test_a_discovery_document_that_is_not_the_issuers_is_not_believed(tmp_path, discovery):
    with lying(discovery=discovery) as liar:
        answer = visiting(tmp_path, liar.issuer).open("/sign-in/openid")
    assert answer.status_code == 403
    assert "no answer that can be trusted" in answer.text


def test_a_new_key_of_the_provider_is_fetched_when_it_is_needed(tmp_path):
    with lying() as liar:
        made = visiting(tmp_path, liar.issuer)
        address = liar.begin(leave(made))
        liar.key = own_key("k2")
        liar.header = {"alg": "RS256", "kid": "k2"}
        assert back(made, address).status_code == 303
    assert liar.keys_asked == 2


# --- state, and who comes back -----------------------------------------------------------------


def test_S38_an_answer_to_the_try_of_another_browser_signs_nobody_in(tmp_path, provider):
    provider.knows("s-eve", email="vic@example.org", email_verified=True)
    evil = visiting(tmp_path, provider.issuer)
    link = provider.sign_in(leave(evil), "s-eve")
    victim = replace(evil, _client=None)
    assert back(victim, link).status_code == 403
    leave(victim)
    assert back(victim, link).status_code == 403
    assert victim.world.rows("session") == []


def test_an_answer_counts_once(tmp_path, provider):
    provider.knows("s-ann", email="ann@example.org", email_verified=True)
    made = visiting(tmp_path, provider.issuer)
    link = provider.sign_in(leave(made), "s-ann")
    kept = made.client().get_cookie(KEPT, domain="iam.example.org").value
    assert back(made, link).status_code == 303
    made.client().delete_cookie(COOKIE, domain="iam.example.org")
    assert made.client().get_cookie(KEPT, domain="iam.example.org") is None
    assert back(made, link).status_code == 403
    made.client().set_cookie(KEPT, kept, domain="iam.example.org", secure=True)
    assert back(made, link).status_code == 403
    assert len(made.world.rows("session")) == 1


@pytest.mark.parametrize("minutes", [10, 60, -5])
def test_a_try_that_took_too_long_is_over(tmp_path, minutes):
    with lying() as liar:
        made = visiting(tmp_path, liar.issuer)
        address = liar.begin(leave(made))
        made.time += timedelta(minutes=minutes)
        answer = back(made, address)
    assert answer.status_code == 403
    assert "took too long" in answer.text


@pytest.mark.parametrize("state", ["", "x", "\u00e9\u202e", "a" * 10_000])
def test_another_state_signs_nobody_in(tmp_path, state):
    with lying() as liar:
        made = visiting(tmp_path, liar.issuer)
        liar.begin(leave(made))
        answer = made.open(f"/sign-in/openid/back?{urlencode({'code': 'c', 'state': state})}")
    assert answer.status_code == 403
    assert liar.asked == []


@pytest.mark.parametrize("kept", ["", ".", "x.y", "W10.", "\u00e9.x", "a" * 3900])
def test_a_cookie_that_is_not_ours_signs_nobody_in(tmp_path, kept):
    with lying() as liar:
        made = visiting(tmp_path, liar.issuer)
        address = liar.begin(leave(made))
        made.client().set_cookie(KEPT, kept, domain="iam.example.org", secure=True)
        assert back(made, address).status_code == 403
    assert liar.asked == []


def test_the_answer_of_another_provider_signs_nobody_in(tmp_path):
    with lying() as liar:
        made = visiting(tmp_path, liar.issuer)
        address = f"{liar.begin(leave(made))}&iss=https://other.example.org"
        assert "another provider" in back(made, address).text
    assert liar.asked == []


def test_S13_neither_code_nor_token_nor_secret_is_logged(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with lying() as liar:
        made = visiting(tmp_path, liar.issuer)
        address = leave(made)
        assert back(made, liar.begin(address)).status_code == 303
        liar.claims = {"nonce": "another"}
        second = replace(made, _client=None)
        assert back(second, liar.begin(leave(second))).status_code == 403
    told = query(address)
    for secret in (
        "a-secret",
        liar.asked[0]["code_verifier"],
        told["state"],
        told["nonce"],
        liar.id_token(),
        secret_of(made),
    ):
        assert secret not in caplog.text
    assert "is not believed" in caplog.text
