"""What the configuration takes about signing in, and what it says about what it does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hypersync.config.in_force import in_force
from hypersync.config.json_schema import json_schema
from hypersync.config.sign_in_models import is_among, is_this_machine
from tests.projects import ENVIRONMENT, MAIN, load_project, mistakes_of_project, write_project

ANN = "people: {ann: {email: ann@example.org, roles: [approver]}}\n"
HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "sign-in.md"


def said(folder, more: str, people: str = ANN) -> list[str]:
    mistakes = mistakes_of_project(write_project(folder, MAIN + people + more))
    return [f"{each.message}; {each.remedy}" for each in mistakes]


def test_a_sign_in_has_its_usual_spans(tmp_path):
    path = write_project(tmp_path, MAIN + ANN + "sign_in: {accounts: true}\n")
    sign_in = load_project(path).sign_in
    assert sign_in is not None
    assert (sign_in.idle.total_seconds(), sign_in.longest.total_seconds()) == (3600, 43200)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("sign_in: {idle: 1h}", "nobody can sign in"),
        ("sign_in: {accounts: false}", "nobody can sign in"),
        ("sign_in: {accounts: true, idle: 13h}", "idle is longer than longest"),
        ("sign_in: {accounts: true, idle: 0}", "sign_in"),
        ("sign_in: {proxy: {header: X-Remote-User}}", "from"),
        ("sign_in: {proxy: {header: X-Remote-User, from: []}}", "from"),
        ("sign_in: {proxy: {from: [10.0.0.5]}}", "header"),
        ("sign_in: {proxy: {header: X-User, from: [0.0.0.0/0]}}", "is everybody"),
        ("sign_in: {proxy: {header: X-User, from: ['::/0']}}", "is everybody"),
        ("sign_in: {proxy: {header: X-User, from: [proxy.example.org]}}", "neither an address"),
        ("sign_in: {proxy: {header: Cookie, from: [10.0.0.5]}}", "means something else"),
        ("sign_in: {proxy: {header: X-Forwarded-For, from: [10.0.0.5]}}", "means something else"),
        ("sign_in: {proxy: {header: X_User, from: [10.0.0.5]}}", "is no header"),
        ("sign_in: {openid: {issuer: http://login.example.org, client_id: x}}", "is no issuer"),
        ("sign_in: {openid: {issuer: login.example.org, client_id: x}}", "is no issuer"),
        ("sign_in: {openid: {issuer: 'https://login.example.org?x=1', client_id: x}}", "no issuer"),
        ("sign_in: {openid: {issuer: https://login.example.org}}", "client_id"),
        ("sign_in: {ldap: true}", "ldap"),
        ("proxies: [proxy]", "neither an address"),
        ("proxies: ['0.0.0.0/0']", "is everybody"),
        ("links: {proof: {vip: session}}", "there is no sign-in, so nobody has a session"),
        ("links: {proof: {vip: mail}}", "vip"),
    ],
)
def test_what_cannot_be_is_said_with_what_to_do(tmp_path, more, sentence):
    found = said(tmp_path, f"{more}\n")
    assert any(sentence in each for each in found), found


def test_a_sign_in_for_nobody_is_a_mistake(tmp_path):
    (found,) = said(tmp_path, "sign_in: {accounts: true}\n", people="")
    assert "there is nobody under people; add them under people:" in found


def test_one_subject_is_one_person(tmp_path):
    people = (
        "people:\n"
        "  ann: {email: ann@example.org, subject: s1}\n"
        "  bob: {email: bob@example.org, subject: s1}\n"
    )
    (found,) = said(tmp_path, "", people)
    assert found == "'s1' is already the subject of 'ann'; one subject is one person"


def test_a_client_secret_is_shown_nowhere(tmp_path):
    openid = "{issuer: https://login.example.org, client_id: x, client_secret: hush-hush}"
    path = write_project(tmp_path, f"{MAIN}{ANN}sign_in: {{openid: {openid}}}\n")
    configuration = load_project(path)
    assert "hush-hush" not in repr(configuration)
    explained = in_force(configuration)
    assert explained["sign_in"]["openid"]["client_id"] == "x"
    assert "hush-hush" not in str(explained)


def test_the_schema_knows_the_keys_as_they_are_written():
    schemas = json_schema()["$defs"]
    assert set(schemas["ProxyHeaderConfig"]["properties"]) == {"header", "from", "names"}
    assert set(schemas["ProxyHeaderConfig"]["required"]) == {"header", "from"}
    assert schemas["ProjectFile"]["properties"]["proxies"]["type"] == "array"


def test_this_machine_is_known_by_its_names_only():
    assert all(is_this_machine(each) for each in ("localhost", "127.0.0.1", "127.9.9.9", "::1"))
    assert is_this_machine("[::1]")
    for each in ("", "localhost.evil.org", "192.0.2.7", "0.0.0.0", "127.0.0.1.evil.org"):  # noqa: S104
        assert not is_this_machine(each)


def test_an_address_is_in_a_network_or_not():
    networks = ("10.0.0.5", "10.1.0.0/16", "2001:db8::/64")
    for each in ("10.0.0.5", "10.1.255.1", "2001:db8::7", "::ffff:10.0.0.5"):
        assert is_among(each, networks)
    for each in ("10.0.0.6", "10.2.0.1", "2001:db8:0:1::7", "", "unix:", "10.0.0.5, 10.0.0.6"):
        assert not is_among(each, networks)
    assert not is_among("10.0.0.5", ())


@pytest.mark.parametrize(
    "example", re.findall(r"```yaml\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL)
)
def test_every_example_of_the_how_to_is_a_configuration(tmp_path, example):
    main = MAIN.replace("public_url: https://iam.example.org\n", "")
    process = {**ENVIRONMENT, "OIDC_SECRET": "a-secret"}
    assert mistakes_of_project(write_project(tmp_path, main + example), process=process) == []
