"""Trying a silo: each step with what a silo may answer, on a silo in memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from hypersync.check.probe import State, Step, needed_rights, probe, written_attributes
from hypersync.config.load import load_configuration
from hypersync.connectors.memory import MemoryConnector, MemorySession, MemorySilo
from hypersync.connectors.steady import Pause, SteadyConnector
from hypersync.model.mistake import Level, Mistake
from hypersync.model.objects import ObjectType, Schema, SiloObject
from hypersync.model.rights import Right, Verb
from hypersync.ports.connector import Connector
from hypersync.ports.progress import NoProgress
from hypersync.rulebook.load import load_rulebook
from hypersync.shipped import shipped
from tests.memory_bench import GROUP, USER, make_connector, make_silo


class TellingSession(MemorySession):
    """Says about rights, schema and itself what a test told it."""

    told: Sequence[Right] = ()
    wrong: Sequence[Mistake] = ()
    named: Schema | None = None
    is_forgetful = False

    def rights(self) -> Sequence[Right]:
        return self.told

    def check(self) -> Sequence[Mistake]:
        return self.wrong

    def schema(self) -> Schema:
        return self.named or super().schema()

    def read(self, object_type: ObjectType, anchor: str) -> SiloObject | None:
        return None if self.is_forgetful else super().read(object_type, anchor)


class TellingConnector(MemoryConnector):
    def __init__(self, *given: object) -> None:
        super().__init__(*given)
        self.session = TellingSession(self.silo, self._settings, 2)

    @contextmanager
    def open(self) -> Iterator[MemorySession]:
        with super().open():
            yield self.session


@pytest.fixture
def silo() -> MemorySilo:
    return make_silo()


@pytest.fixture
def connector(silo: MemorySilo) -> TellingConnector:
    return make_connector(silo, kind=TellingConnector)


def steps(connector: Connector, name: str, *needed: tuple[str, Verb]) -> list[Step]:
    found = probe("fake", connector, needed, NoProgress())
    return [each for each in found if each.name == name]


def right(verb: Verb, granted: bool | None = False, **more: object) -> Right:
    return Right(type="user", verb=verb, granted=granted, **more)


def test_a_silo_that_is_well_is_reached_and_read(connector: TellingConnector):
    assert [(each.name, each.state) for each in probe("fake", connector, (), NoProgress())] == [
        ("reach", State.OK),
        ("rights", State.UNKNOWN),
        ("rights", State.UNKNOWN),
        ("schema", State.OK),
        ("schema", State.OK),
        ("read", State.OK),
        ("read", State.OK),
    ]
    assert steps(connector, "read")[0].message == "user: 3 objects: ann, bob, zoë"


def test_ten_objects_are_enough(connector: TellingConnector, silo: MemorySilo):
    for number in range(50):
        silo.put("user", f"u{number:02}", {"uid": f"u{number:02}"})
    message = steps(connector, "read")[0].message
    assert message == "user: 10 objects: ann, bob, zoë, u00, u01, u02, u03, u04, u05, u06"


def test_no_value_of_an_object_is_said(connector: TellingConnector):
    said = " ".join(each.message for each in probe("fake", connector, (), NoProgress()))
    assert "Clerk" not in said
    assert "Sales" not in said


@pytest.mark.parametrize("fault", ["unreachable", "refused"])
def test_what_is_not_reached_is_not_tried_further(
    connector: TellingConnector, silo: MemorySilo, fault: str
):
    setattr(silo.faults, fault, "no way in")
    found = probe("fake", connector, (), NoProgress())
    assert found[0] == Step("reach", State.FAILED, "no way in", "mend the silo or its settings")
    assert [each.state for each in found[1:]] == [State.SKIPPED] * 3


def test_a_right_that_is_needed_and_missing_fails_with_its_name(connector: TellingConnector):
    lacking = {"lacking": ("UPDATE on users",), "remedy": "GRANT UPDATE ON users TO hs"}
    connector.session.told = [right(Verb.UPDATE, **lacking), right(Verb.READ, granted=True)]
    (denied, granted, unknown, _) = steps(connector, "rights", ("user", Verb.UPDATE))
    message = "user: may not update, because the account lacks the right 'UPDATE on users'"
    assert denied == Step("rights", State.FAILED, message, "GRANT UPDATE ON users TO hs")
    assert granted == Step("rights", State.OK, "user: may read")
    assert unknown.message == "user: the silo does not tell whether we may create, delete"


def test_a_right_that_nothing_needs_may_be_missing(connector: TellingConnector):
    connector.session.told = [right(Verb.DELETE)]
    assert steps(connector, "rights")[0] == Step(
        "rights", State.OK, "user: may not delete; no rule needs it"
    )


def test_an_attribute_that_may_not_be_written_fails_if_a_rule_writes_it(
    connector: TellingConnector,
):
    more = {"except_for": ("title", "room"), "remedy": "let it"}
    connector.session.told = [right(Verb.UPDATE, granted=True, **more)]
    found = probe("fake", connector, (), NoProgress(), {("user", "title"), ("group", "room")})
    denied, granted, *_ = (each for each in found if each.name == "rights")
    assert denied == Step("rights", State.FAILED, "user: may not write 'title'", "let it")
    assert granted == Step("rights", State.OK, "user: may update")


def test_an_attribute_that_may_not_be_read_fails_as_what_it_is_if_the_type_reads_it(
    connector: TellingConnector,
):
    more = {"except_for": ("leaves", "room"), "remedy": "let it"}
    connector.session.told = [right(Verb.READ, granted=True, **more)]
    (kind,) = (each for each in connector.streams()[0] if each.name == "user")
    reading = replace(kind, attributes=frozenset({"leaves"}))
    connector._settings = replace(connector._settings, types=(reading,))
    (denied, granted, *_) = steps(connector, "rights")
    assert denied == Step("rights", State.FAILED, "user: may not read 'leaves'", "let it")
    assert granted == Step("rights", State.OK, "user: may read")


def test_reading_is_always_needed(connector: TellingConnector):
    connector.session.told = [right(Verb.READ)]
    assert steps(connector, "rights")[0].state is State.FAILED


def test_what_the_silo_does_not_tell_is_unknown(connector: TellingConnector):
    connector.session.told = [right(Verb.READ, granted=None)]
    first, *_ = steps(connector, "rights", ("user", Verb.READ))
    assert first.state is State.UNKNOWN
    assert "whether we may read, create, update, delete" in first.message


def test_rights_are_asked_behind_the_pace_of_a_silo(connector: TellingConnector):
    connector.session.told = [right(Verb.READ)]
    pause = Pause(monotonic=lambda: 0.0, sleep=lambda seconds: None)
    timeout = connector._settings.timeout
    steady = SteadyConnector(connector, timeout=timeout, writes_per_second=1, pause=pause)
    assert steps(steady, "rights")[0].state is State.FAILED


def test_mistakes_of_the_silo_fail_the_schema_and_warnings_do_not(connector: TellingConnector):
    connector.session.wrong = [Mistake("in clear", "use TLS", level=Level.WARNING)]
    first, *others = steps(connector, "schema")
    assert first == Step("schema", State.WARNING, "in clear", "use TLS")
    assert [each.state for each in others] == [State.OK, State.OK]
    connector.session.wrong = [Mistake("no such base", "mend it")]
    assert steps(connector, "schema") == [Step("schema", State.FAILED, "no such base", "mend it")]


def test_attributes_that_the_schema_lacks_are_named(silo: MemorySilo):
    connector = make_connector(silo, kind=TellingConnector)
    kind = replace(USER, attributes=frozenset({"tilte", "dn"}))
    connector._settings = replace(connector._settings, types=(kind, GROUP))
    connector.session.named = Schema({"user": {}})
    first, second = steps(connector, "schema")
    assert first.message == "user: the silo has no attribute 'tilte'"
    assert second.message == "group: the silo has no such type"
    assert {first.state, second.state} == {State.FAILED}


def test_an_object_that_its_anchor_does_not_find_fails(connector: TellingConnector):
    connector.session.is_forgetful = True
    first, *_ = steps(connector, "read")
    assert first.state is State.FAILED
    assert first.message == "user: scanned, and not found by its anchor: ann, bob, zoë"


def test_a_scan_that_breaks_fails(connector: TellingConnector, silo: MemorySilo):
    silo.faults.break_after = 0
    (only,) = steps(connector, "read")
    assert (only.state, only.message) == (
        State.FAILED,
        "the silo went away in the middle of the scan",
    )


def test_invalid_and_missing_objects_are_warnings(connector: TellingConnector, silo: MemorySilo):
    silo.faults.invalid.add("bob")
    silo.remove("group", "staff")
    states = {each.message: each.state for each in steps(connector, "read")}
    assert states == {
        "user: 2 objects: ann, zoë": State.OK,
        "group: there is no object": State.WARNING,
        "user: object bob: made invalid by a test": State.WARNING,
    }


def test_what_rules_do_says_which_rights_are_needed():
    path = shipped("config") / "hypersync.yaml"
    variables = {"HYPERSYNC_SECRET_KEY": "0123456789abcdef"}
    rulebook = load_rulebook(load_configuration(path, None, process_environment=variables))
    assert needed_rights(rulebook, "accounts") >= {("user", Verb.CREATE), ("user", Verb.UPDATE)}
    assert needed_rights(rulebook, "hr") == frozenset()
    assert ("user", "title") in written_attributes(rulebook, "accounts", [])
    assert written_attributes(rulebook, "hr", []) == frozenset()
