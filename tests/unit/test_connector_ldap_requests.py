"""Search requests as we write them, against those that the library writes."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypersync.connectors.directory import ber
from hypersync.connectors.directory.answers import (
    BASE,
    ONE_LEVEL,
    SUBTREE,
    Among,
    Control,
    Search,
    escaped_bytes,
)
from hypersync.connectors.directory.client import LOCAL_ERRORS, filter_of, ldap3
from hypersync.connectors.directory.requests import search_request

BASE_DN = "OU=Zoë\\, Inc,DC=example,DC=org"
CONTROLS = (
    (),
    (Control("1.2.840.113556.1.4.417"),),
    (Control("1.2.3", critical=False, value=b"\x30\x00"), Control("1.2.4", value=b"x" * 300)),
)


class Sent(Exception):
    """What the library was about to send."""


def stop(message: bytes) -> None:
    raise Sent(message)


def by_library(search: Search) -> bytes:
    """Return the whole message that the library sends, as number 7."""
    connection = ldap3.Connection(ldap3.Server("x", get_info=ldap3.NONE), check_names=False)
    connection.socket = SimpleNamespace(sendall=stop)
    connection.listening = True
    connection.strategy._outstanding = {}
    connection.server.next_message_id = lambda: 7
    scopes = {BASE: ldap3.BASE, ONE_LEVEL: ldap3.LEVEL, SUBTREE: ldap3.SUBTREE}
    with pytest.raises(Sent) as caught:
        connection.search(
            search.base,
            search.whole_filter,
            scopes[search.scope],
            attributes=list(search.attributes),
            controls=list(search.controls) or None,
        )
    return bytes(caught.value.args[0])


def by_us(search: Search) -> bytes:
    return ber.sequence(ber.integer(7), search_request(search, filter_of))


@pytest.mark.parametrize(
    "filter_",
    [
        "(objectClass=*)",
        "(!(objectClass=*))",
        "(cn=Zoë Lee)",
        r"(cn=\28a\29\2a\5c\00)",
        "(uSNChanged>=101)",
        "(cn~=x)",
        "(cn=a*b*c)",
        "(memberOf:1.2.840.113556.1.4.1941:=CN=x)",
        "(& (objectCategory=person) (objectClass=user))",
        "(&(&(a=1)(b=2))(|(c=3)(!(d=4))))",
        "(|" + "".join(rf"(objectGUID=\{number:02x}\ff)" for number in range(200)) + ")",
    ],
)
def test_a_filter_is_sent_as_the_library_does(filter_: str):
    search = Search(base=BASE_DN, filter=filter_, attributes=["cn"], scope=SUBTREE)
    assert by_us(search) == by_library(search)


@pytest.mark.parametrize("scope", [BASE, ONE_LEVEL, SUBTREE])
@pytest.mark.parametrize("controls", CONTROLS)
@pytest.mark.parametrize(
    "attributes", [[], ["*", "member;range=0-*"], [f"a{n}" for n in range(99)]]
)
def test_the_rest_of_a_request_is_written_as_the_library_does(
    scope: int, controls: tuple[Control, ...], attributes: list[str]
):
    for base in ("", BASE_DN):
        search = Search(
            base=base, filter="(cn=*)", attributes=attributes, scope=scope, controls=controls
        )
        assert by_us(search) == by_library(search)


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=20))
def test_values_are_asked_for_as_if_they_stood_in_the_filter(values: list[bytes]):
    among = Among("objectGUID", [each + b"\0" for each in values])
    search = Search(base=BASE_DN, filter="(cn=*)", attributes=["cn"], scope=SUBTREE, among=among)
    assert by_us(search) == by_library(search)


def test_values_stand_in_the_text_of_the_filter_with_every_byte_escaped():
    search = Search(
        base="", filter="(a=b)", attributes=(), scope=BASE, among=Among("x", [b"\0*)", b"\xff"])
    )
    assert search.whole_filter == r"(&(a=b)(|(x=\00\2a\29)(x=\ff)))"
    assert escaped_bytes(b"") == ""


@pytest.mark.parametrize("filter_", ["", "cn=x", "(x", "()", "(cn=x)(cn=y)", "(!(cn=x)(cn=y))"])
def test_what_is_no_filter_is_refused_each_time_by_the_library(filter_: str):
    for _ in range(2):
        with pytest.raises(LOCAL_ERRORS):
            filter_of(filter_)
