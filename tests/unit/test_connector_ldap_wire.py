from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from hypersync.connectors.directory import ber
from hypersync.connectors.directory.answers import Answer, Control, Entry, Lost, Result, Search
from hypersync.connectors.directory.paging import MOST_EMPTY
from hypersync.connectors.directory.wire import Wire, escaped
from hypersync.errors import ScanFailed, SiloRefused

PAGED = "1.2.840.113556.1.4.319"


def answer(code: int = 0, cookie: bytes | None = None, *names: str, said: str = "") -> Answer:
    """Return what a library answers to one search."""
    paged = b"" if cookie is None else ber.sequence(ber.integer(0), ber.octets(cookie))
    controls = {} if cookie is None else {PAGED: paged}
    return Answer([Entry(name, {}) for name in names], Result(code, said), controls)


class CannedLink:
    """Gives one prepared answer after the other, as a library would."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.cookies: list[bytes] = []
        self.sent: list[Sequence[Control]] = []

    def search(self, search: Search) -> Answer:
        for control in search.controls:
            if control.oid == PAGED and control.value is not None:
                self.cookies.append(ber.parts_of(control.value)[1])
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def modify(self, dn: str, changes: Mapping[str, Any], controls: Sequence[Control]) -> Result:
        self.sent.append(controls)
        return Result(0)

    def add(self, dn: str, attributes: Any, controls: Sequence[Control]) -> Result:
        raise NotImplementedError

    def move(self, dn: str, rdn: str, parent: str | None, controls: Sequence[Control]) -> Result:
        raise NotImplementedError

    def delete(self, dn: str, controls: Sequence[Control]) -> Result:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


def pages(*answers: Answer | Exception, ignore_references: bool = False) -> list[list[str]]:
    wire = Wire(CannedLink(*answers))
    found = wire.pages("dc=x", "(cn=*)", ["cn"], ignore_references=ignore_references)
    return [[entry.dn for entry in page] for page in found]


def test_pages_go_on_until_the_cookie_is_empty():
    link = CannedLink(answer(0, b"1", "a"), answer(0, b"2"), answer(0, b"", "b"))
    found = [[e.dn for e in page] for page in Wire(link).pages("dc=x", "(cn=*)", [])]
    assert found == [["a"], [], ["b"]]
    assert link.cookies == [b"", b"1", b"2"]


def test_a_server_that_does_not_page_ends_with_its_only_answer():
    assert pages(answer(0, None, "a")) == [["a"]]


def test_a_later_page_without_a_cookie_is_not_taken_for_the_last_one():
    for before in ([answer(0, b"1", "a")], [answer(0, b"1", "a"), answer(0, b"2", "b")]):
        with pytest.raises(ScanFailed, match="a later page without a cookie"):
            pages(*before, answer(0, None, "c"))


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (3, "time limit"),
        (4, "size limit"),
        (10, "refers to another"),
        (11, "administrative limit"),
        (51, "busy"),
        (53, "cookie is not known"),
        (4242, "unknown"),
    ],
)
@pytest.mark.parametrize("cookie", [None, b"", b"more"])
def test_an_error_on_a_later_page_fails_the_search_even_with_entries(
    code: int, sentence: str, cookie: bytes | None
):
    with pytest.raises(ScanFailed, match=sentence):
        pages(answer(0, b"1", "a"), answer(code, cookie, "b", said="cookie is not known"))


def test_a_server_that_answers_with_the_same_pages_for_ever_fails_the_search():
    round_trip = [answer(0, b"1", "a", "b"), answer(0, b"2", "c")]
    for pages_of_it in (
        [answer(0, b"1", "a")],
        round_trip,
        [answer(0, b"1")],
        [answer(0, b"1"), answer(0, b"2")],
    ):
        with pytest.raises(ScanFailed, match="the same page again and again"):
            pages(*pages_of_it * (MOST_EMPTY + 1))


def test_a_server_that_always_gives_the_same_cookie_is_asked_on():
    found = [
        answer(0, b"1", "a"),
        answer(0, b"1", "b"),
        answer(0, b"1"),
        answer(0, b"1"),
        answer(0, b"", "c"),
    ]
    assert pages(*found) == [["a"], ["b"], [], [], ["c"]]


def test_whatever_breaks_on_the_way_fails_the_search():
    with pytest.raises(ScanFailed, match="went away in the middle"):
        pages(answer(0, b"1", "a"), Lost("reset"))


@pytest.mark.parametrize("value", [b"", b"x", b"\x30\x05\x02\x01\x00", b"\x30\x03\x02\x01\x00"])
def test_a_cookie_that_is_none_fails_the_search(value: bytes):
    broken = Answer([Entry("a", {})], Result(0), {PAGED: value})
    with pytest.raises(ScanFailed, match="a cookie that is none"):
        pages(broken)


def test_references_to_other_servers_fail_the_search_unless_they_are_to_be_ignored():
    partial = Answer([Entry("a", {})], Result(0), {}, ("ldap://other.example.org/dc=y",))
    with pytest.raises(ScanFailed, match=r"part of dc=x is on other servers: ldap://other\.ex"):
        pages(partial)
    assert pages(partial, ignore_references=True) == [["a"]]


def test_a_referral_names_the_other_server():
    with pytest.raises(ScanFailed, match=r"it names ldap://other\.example\.org"):
        pages(Answer([], Result(10, referrals=("ldap://other.example.org",))))


def test_find_tells_absence_from_refusal_and_loss():
    assert Wire(CannedLink(answer(32))).find("cn=x", "(cn=*)", []) == []
    with pytest.raises(SiloRefused, match="has not the right"):
        Wire(CannedLink(answer(50))).find("cn=x", "(cn=*)", [])
    with pytest.raises(Lost):
        Wire(CannedLink(Lost("reset"))).find("cn=x", "(cn=*)", [])


def test_a_modify_may_demand_that_there_is_no_value():
    link = CannedLink()
    Wire(link).modify("cn=x", {}, absent=["title"], controls=[Control("1.2.3")])
    first, second = link.sent[0]
    assert first == Control("1.2.3", True, None)
    assert second == Control("1.3.6.1.1.12", True, b"\xa0\x09\xa2\x07\x87\x05title")


def test_values_in_filters_are_escaped():
    assert escaped("a*(b)\\\0") == "a\\2a\\28b\\29\\5c\\00"
