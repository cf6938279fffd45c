"""The threats to the audit trail that come from those who only look at it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import hypersync
import webui
from hypersync.audit.chain import chain_keys
from hypersync.audit.sealing import seal
from hypersync.errors import DeliveryFailed
from hypersync.insight.events import HIDDEN, OF_APPROVERS, OTHERS, SHOWN
from hypersync.ports.store.events import Event
from tests.api import caller
from tests.asking import NOON, person
from tests.pages import Browser
from tests.signing_in import signed_in

ADDRESS = "ann@example.org"
RECORDERS = {"Event", "record", "_record", "_event"}
"""What makes an event, by the names it has in the code."""


class Refusing:
    """A mail server that knows nobody, and says whom."""

    def send(self, _message):
        raise DeliveryFailed(f"550 no such user <{ADDRESS}>", permanent=True)


# --- S29: who may approve ----------------------------------------------------------------------


def constants(expression, function):
    """The texts that an argument can be, as far as it stands in the function that hands it on."""
    match expression:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp():
            return constants(expression.body, function) | constants(expression.orelse, function)
        case ast.Subscript(value=ast.Name(id=name)) | ast.Name(id=name):
            found = set()
            for each in ast.walk(function):
                if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == name:
                    values = each.value.values if isinstance(each.value, ast.Dict) else [each.value]
                    found |= {text for value in values for text in constants(value, function)}
            return found
    return set()


def keys_in(function):
    """Every key of a dictionary, and every name by which something is handed on."""
    for each in ast.walk(function):
        if isinstance(each, ast.Dict):
            yield from (key.value for key in each.keys if isinstance(key, ast.Constant))
        if isinstance(each, ast.Call) and getattr(each.func, "id", "") == "_event":
            yield from (keyword.arg for keyword in each.keywords if keyword.arg)


def recorded():
    """The kinds of event that each function of the code records, and the keys that it names."""
    sources = [Path(each.__file__).parent for each in (hypersync, webui)]
    for file in (each for folder in sources for each in folder.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        if "store.events import" not in text and "approvals.record import" not in text:
            continue
        for function in ast.walk(ast.parse(text)):
            if isinstance(function, ast.FunctionDef) and (kinds := kinds_in(function)):
                yield kinds, {key for key in keys_in(function) if isinstance(key, str)}


def kinds_in(function):
    """The kinds of event that a function records."""
    found = set()
    for call in (each for each in ast.walk(function) if isinstance(each, ast.Call)):
        if getattr(call.func, "id", "") in RECORDERS:
            named = [*call.args[:3], *(each.value for each in call.keywords if each.arg == "kind")]
            found |= {kind for each in named for kind in constants(each, function)}
    return found


def test_S29_every_kind_of_event_and_all_that_it_says_was_considered():
    """Whoever adds one decides in `SHOWN` what of it those may see who may not see approvers."""
    found = list(recorded())
    assert set().union(*(kinds for kinds, _ in found)) == set(SHOWN)
    for kinds, keys in found:
        assert keys <= OF_APPROVERS.union(*(SHOWN[kind] for kind in kinds)), kinds


@pytest.fixture
def vic(tmp_path):
    return caller(tmp_path, "vic")


@pytest.mark.parametrize("kind", [*SHOWN, "new_kind"])
def test_S29_a_viewer_is_told_of_an_event_only_what_is_listed_for_its_kind(vic, kind):
    every = {*set().union(*SHOWN.values()), *OF_APPROVERS, "new_key"}
    data = {name: f"secret {name}" for name in every}
    with vic.world.store.begin() as unit:
        unit.events.record(Event(kind=kind, at=NOON, data=data))
    said = vic.get("/events", kind=kind).json["items"][0]["data"]
    shown = SHOWN.get(kind, set())
    assert {name for name, value in said.items() if value != HIDDEN} == shown
    assert said.keys() == shown | OF_APPROVERS | {OTHERS}
    seen = vic.as_("all").get("/events", kind=kind).json["items"]
    assert data in [each["data"] for each in seen]


def test_S29_a_viewer_reads_no_address_that_a_mail_server_refused(vic):
    world = vic.world
    world.ask(world.suspend(2))
    vic.browser.bag = Refusing()
    vic.browser.post_office()
    assert ADDRESS in {each["address"] for each in world.events("delivery_failed")}
    said = vic.get("/events").text
    assert '"then":"given_up"' in said.replace(" ", "")
    assert "example.org" not in said


def test_S29_the_page_shows_a_viewer_no_address_that_a_mail_server_refused(tmp_path):
    looking = signed_in(tmp_path, "vic", person("vic", roles=frozenset({"viewer"})), person("ann"))
    world = looking.world
    world.ask(world.suspend(2))
    sending = Browser(world, bag=Refusing())
    sending.post_office()
    page = looking.open("/audit?kind=delivery_failed").text
    assert "given_up" in page
    assert "example.org" not in page


# --- what costs much ---------------------------------------------------------------------------


def test_a_program_verifies_a_long_chain_for_administrators_only(vic, monkeypatch):
    world = vic.world
    world.ask(world.suspend(2))
    seal(world.store, chain_keys(world.settings), NOON)
    monkeypatch.setattr("webui.audit.verified.MOST_VERIFIED", 0)
    assert vic.get("/audit/chain", verify="true").json["intact"] is None
    assert vic.as_("all", "read").get("/audit/chain", verify="true").json["intact"] is None
    found = vic.as_("all").get("/audit/chain", verify="true").json
    assert found["intact"] is True
    seen = vic.get("/audit/chain").json
    assert seen["intact"] is True
    assert (seen["verified_event"], seen["verified_at"]) == (
        found["verified_event"],
        found["verified_at"],
    )
