"""A directory that cannot answer now: before a write nothing is lost, and after it nobody knows."""

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

import pytest

from hypersync.connectors.ad.directory import AdDirectory
from hypersync.connectors.ad.options import AdOptions
from hypersync.connectors.ad.place import place_of
from hypersync.connectors.ad.write import AdWriter
from hypersync.connectors.directory.answers import (
    Answer,
    Control,
    Entry,
    Lost,
    Raw,
    Result,
    Search,
    Step,
)
from hypersync.connectors.directory.tree import Directory, Place
from hypersync.connectors.directory.wire import Wire
from hypersync.connectors.directory.write import Writer
from hypersync.connectors.settings import object_types
from hypersync.model.objects import (
    Change,
    ObjectType,
    Operation,
    Outcome,
    Refused,
    RetryAfter,
    Unknown,
    Value,
)

SUFFIX = "DC=example,DC=org"
DN = f"CN=ann,{SUFFIX}"
GUID = UUID("8f3c9a52-1111-4222-8333-444455556666")
NOT_NOW = [3, 11, 51, 52]


class Answering:
    """Answers searches by a function, and remembers what was written."""

    def __init__(self, answer: Callable[[Search], Answer], *results: Result) -> None:
        self._answer = answer
        self._results = list(results)
        self.written: list[str] = []

    def search(self, search: Search) -> Answer:
        return self._answer(search)

    def _write(self, what: str) -> Result:
        self.written.append(what)
        return self._results.pop(0)

    def add(self, dn: str, attributes: Raw, controls: Sequence[Control]) -> Result:
        return self._write(f"add {dn}")

    def modify(
        self, dn: str, changes: Mapping[str, Sequence[Step]], controls: Sequence[Control]
    ) -> Result:
        return self._write(f"modify {dn}")

    def move(self, dn: str, rdn: str, parent: str | None, controls: Sequence[Control]) -> Result:
        return self._write(f"move {dn}")

    def delete(self, dn: str, controls: Sequence[Control]) -> Result:
        return self._write(f"delete {dn}")

    def close(self) -> None:
        """Be gone."""


USER = ObjectType(silo="ldap", name="user")
PLACE = Place(
    name="user",
    base=SUFFIX,
    anchor="entryUUID",
    attributes=frozenset(),
    single=frozenset(),
    multi=frozenset(),
    members="member",
    placeholder=None,
    object_class=("inetOrgPerson",),
)


def write(link: Answering, operation: Operation, after: Mapping[str, Value] | None) -> Outcome:
    anchor = None if operation is Operation.CREATE else "a"
    change = Change(
        key="1", operation=operation, type=USER, anchor=anchor, before=None, after=after
    )
    directory = Directory(Wire(link), {}, [SUFFIX], has_assertions=True)
    (outcome,) = Writer(directory, {"user": PLACE})([change])
    return outcome


@pytest.mark.parametrize("code", NOT_NOW)
@pytest.mark.parametrize(
    ("operation", "after"),
    [
        (Operation.UPDATE, {"title": "Boss"}),
        (Operation.CREATE, {"dn": DN, "sn": "ann"}),
        (Operation.MOVE, {"dn": DN}),
        (Operation.DELETE, None),
        (Operation.ADD_MEMBER, {"member": DN}),
    ],
)
def test_who_cannot_answer_before_a_write_is_asked_again_later(
    code: int, operation: Operation, after: Mapping[str, Value] | None
):
    link = Answering(lambda _: Answer([], Result(code, "try later")))
    outcome = write(link, operation, after)
    assert isinstance(outcome, RetryAfter)
    assert "nothing was written: the search in" in outcome.reason
    assert "try later" in outcome.reason
    assert not link.written


def test_who_refuses_to_answer_before_a_write_has_refused_it():
    link = Answering(lambda _: Answer([], Result(50)))
    assert isinstance(write(link, Operation.UPDATE, {"title": "Boss"}), Refused)
    assert not link.written


# --- bringing back -----------------------------------------------------------------------------


def restore(link: Answering, **after: Value) -> Outcome:
    given = {"url": "ldaps://dc1.example.org", "types": {"user": {"base": SUFFIX}}}
    (kind,) = object_types("ad", AdOptions.model_validate(given), {})
    change = Change(
        key="1",
        operation=Operation.CREATE,
        type=kind,
        anchor=str(GUID),
        before=None,
        after={"dn": DN, "accountEnabled": True, **after},
    )
    root = {"namingContexts": [SUFFIX.encode()]}
    directory = AdDirectory(Wire(link, "ldaps://dc1.example.org"), {}, root)
    (outcome,) = AdWriter(directory, {"user": place_of(kind)}, is_tls=True)([change])
    return outcome


def restoring(after: Callable[[], Answer], *results: Result) -> Answering:
    """Return a server that has the object among the deleted, and answers so once it is back."""

    def answer(search: Search) -> Answer:
        if search.controls:
            gone = Entry("CN=ann\\0ADEL:8f,CN=Deleted Objects", {"isDeleted": [b"TRUE"]})
            return Answer([gone], Result(0))
        return after() if link.written else Answer([], Result(0))

    link = Answering(answer, Result(0), *results)
    return link


def lost() -> Answer:
    raise Lost("reset")


def live(control: bytes, **more: list[bytes]) -> Answer:
    raw = {"objectGUID": [GUID.bytes_le], "userAccountControl": [control], **more}
    return Answer([Entry(DN, raw)], Result(0))


@pytest.mark.parametrize(
    "after",
    [
        *(lambda code=code: Answer([], Result(code)) for code in [*NOT_NOW, 50, 80]),
        lambda: Answer([], Result(0)),
        lambda: live(b"many"),
        lost,
    ],
)
def test_what_goes_wrong_after_an_object_came_back_leaves_it_unknown(after: Callable[[], Answer]):
    link = restoring(after)
    outcome = restore(link)
    assert isinstance(outcome, Unknown)
    assert link.written == ["modify CN=ann\\0ADEL:8f,CN=Deleted Objects"]


@pytest.mark.parametrize("code", [*NOT_NOW, 50, 53])
def test_a_state_that_cannot_be_set_after_an_object_came_back_leaves_it_unknown(code: int):
    link = restoring(lambda: live(b"514", pwdLastSet=[b"133000000000000000"]), Result(code))
    outcome = restore(link)
    assert isinstance(outcome, Unknown)
    assert "restored, but whether it is enabled could not be set" in outcome.reason
    assert len(link.written) == 2


def test_a_state_that_is_none_is_refused_before_anything_is_brought_back():
    link = restoring(lost)
    assert isinstance(restore(link, accountEnabled="perhaps"), Refused)
    assert not link.written


@pytest.mark.parametrize("code", NOT_NOW)
def test_a_controller_that_cannot_answer_before_an_object_is_brought_back_is_asked_again(code: int):
    link = Answering(lambda _: Answer([], Result(code)))
    assert isinstance(restore(link), RetryAfter)
    assert not link.written
