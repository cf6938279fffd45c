"""Tokens of the API: made for a person, shown once, good for what they say and while they may."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from hypersync.access.sessions import secret_hash
from hypersync.access.tokens import create_token, revoke_token, token_visitor
from hypersync.cli import invoke
from hypersync.errors import NotFound, UsageError
from hypersync.system_user import system_user
from tests.asking import DAY, NOON, person, stopped

ANN = person("ann", roles=frozenset({"approver", "operator"}))


@pytest.fixture
def made(tmp_path):
    return stopped(tmp_path, ANN)


def make(world, *scopes, who="ann", name="ci", ends=NOON + DAY):
    directory = world.settings.directory
    return create_token(
        world.store, who, name, scopes, ends=ends, by="cli:t", now=NOON, directory=directory
    )


def visit(world, secret, now=NOON):
    return token_visitor(world.store, secret, now=now, directory=world.settings.directory)


def test_a_token_stands_for_its_person_with_its_scopes(made):
    secret, token = make(made, "read", "decide")
    known = visit(made, secret)
    assert (known.person, known.proof, known.token) == ("ann", "token", token.id)
    assert known.has("read")
    assert known.has("decide")
    assert not known.has("run")
    assert known.may("approver")


def test_only_the_hash_of_a_token_is_stored(made):
    secret, _ = make(made, "read")
    row = made.rows("api_token")[0]
    assert row["hash"] == secret_hash(secret)
    assert secret not in repr(made.rows("api_token")) + repr(made.rows("event"))


def test_a_token_may_no_more_than_its_person_may_now(made):
    secret, _ = make(made, "run")
    assert visit(made, secret).may("operator")
    people = {"ann": replace(ANN, roles=frozenset({"viewer"}))}
    made.settings = replace(
        made.settings, directory=replace(made.settings.directory, people=people)
    )
    assert not visit(made, secret).may("operator")
    made.settings = replace(made.settings, directory=replace(made.settings.directory, people={}))
    assert visit(made, secret) is None


def test_a_token_ends_with_its_time_and_when_it_is_revoked(made):
    secret, token = make(made, "read")
    assert visit(made, secret, NOON + DAY - timedelta(seconds=1)) is not None
    assert visit(made, secret, NOON + DAY) is None
    assert revoke_token(made.store, token.id, by="cli:t", now=NOON)[1]
    assert visit(made, secret) is None
    assert not revoke_token(made.store, token.id, by="cli:t", now=NOON)[1]
    with pytest.raises(NotFound):
        revoke_token(made.store, "nothing", by="cli:t", now=NOON)


def test_a_token_does_nothing_while_the_account_of_its_person_is_disabled(made):
    secret, _ = make(made, "read")
    values = {"person": "ann", "password": "x", "created_at": NOON, "changed_at": NOON}
    made.write("account", **values, disabled_at=NOON)
    assert visit(made, secret) is None


@pytest.mark.parametrize("secret", ["", "x", "hypersync_", "hypersync_" + "x" * 43, "x" * 10_000])
def test_what_is_no_token_is_nobody(made, secret):
    make(made, "read")
    assert visit(made, secret) is None


def test_when_a_token_was_used_is_noted_once_a_minute(made):
    secret, token = make(made, "read")
    for seconds in (0, 59):
        visit(made, secret, NOON + timedelta(seconds=seconds))
    with made.store.snapshot() as unit:
        assert unit.tokens.get(token.id).last_used_at == NOON
    visit(made, secret, NOON + timedelta(minutes=1))
    with made.store.snapshot() as unit:
        assert unit.tokens.get(token.id).last_used_at == NOON + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"who": "bob"}, "there is nobody called 'bob'"),
        ({"ends": NOON}, "within a year"),
        ({"ends": NOON + 400 * DAY}, "within a year"),
        ({"name": " "}, "has a name"),
    ],
)
def test_what_no_token_can_be_made_of_is_said(made, values, said):
    with pytest.raises(UsageError, match=said):
        make(made, "read", **values)
    with pytest.raises(UsageError, match="there is no scope 'all'"):
        make(made, "all")


def test_making_and_revoking_are_events(made):
    _, token = make(made, "read", "run")
    revoke_token(made.store, token.id, by="person:ann", now=NOON)
    assert made.events("token_created") == [
        {"token": token.id, "person": "ann", "scopes": ["read", "run"]}
    ]
    assert made.events("token_revoked") == [{"token": token.id, "person": "ann"}]


# --- the commands ------------------------------------------------------------------------------

PEOPLE = """
people:
  ann: {{name: Ann Ng, email: ann@example.org, roles: [{roles}], os_user: "{user}"}}
  bob: {{name: Bob, email: bob@example.org, roles: [approver]}}
"""


@pytest.fixture
def run(world, capsys):
    def run(*arguments, roles="admin", user=None, more=""):
        more += PEOPLE.format(roles=roles, user=user or system_user())
        world.rules("ruleset: none\nrules: []\n", more=more)
        config = str(world.folder / "config" / "hypersync.yaml")
        code = invoke(["--config", config, "token", *arguments, "--json"])
        return code, capsys.readouterr()

    return run


def test_the_commands_make_list_and_revoke(run):
    code, said = run("create", "--person", "bob", "--name", "ci")
    assert code == 0
    made = json.loads(said.out)
    assert made["secret"].startswith("hypersync_")
    assert made["token"]["scopes"] == ["read"]
    code, said = run("list")
    assert made["secret"] not in said.out
    assert [each["id"] for each in json.loads(said.out)["tokens"]] == [made["token"]["id"]]
    assert run("revoke", made["token"]["id"])[0] == 0
    assert json.loads(run("list")[1].out)["tokens"][0]["revoked_at"] is not None
    assert run("revoke", "nothing")[0] == 1


def test_nobody_makes_a_token_that_decides_as_somebody_else(run):
    code, said = run("create", "--person", "bob", "--name", "x", "--scope", "decide")
    assert code != 0
    assert "made by the person themselves" in said.out + said.err
    assert run("create", "--person", "ann", "--name", "x", "--scope", "decide")[0] == 0


def test_what_a_token_that_decides_is_good_for_is_said_when_it_is_made(run):
    make = ("create", "--person", "ann", "--name", "x", "--scope", "decide")
    said = run(*make)[1].err
    assert "decides what does not take a session that ann may decide" in said
    said = run(*make, more="links: {tokens_as_sessions: true}\nsign_in: {accounts: true}\n")[1].err
    assert "equals a session: whoever has it decides everything that ann may decide" in said
    assert "session" not in run("create", "--person", "ann", "--name", "x")[1].err


def test_who_is_no_administrator_makes_and_revokes_only_their_own(run):
    mine = run("create", "--person", "ann", "--name", "x", roles="approver")
    assert mine[0] == 0
    assert run("create", "--person", "bob", "--name", "x", roles="approver")[0] != 0
    token = json.loads(mine[1].out)["token"]["id"]
    assert run("revoke", token, user="somebody-else")[0] != 0
    assert run("revoke", token, roles="approver")[0] == 0


def test_a_span_that_is_none_is_said(run):
    code, said = run("create", "--person", "ann", "--name", "x", "--expires", "soon")
    assert code == 2
    assert "is no time span" in said.out + said.err
