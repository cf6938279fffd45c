"""What both libraries have to do for the wire, and what each of them does wrong by itself."""

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from hypersync.config.values import Secret
from hypersync.connectors.contract import Bench, ConnectorContract
from hypersync.connectors.directory import ber
from hypersync.connectors.directory.address import Address, WireKind
from hypersync.connectors.directory.wire import Answer, Code, Control, Lost, Wire
from hypersync.errors import ScanFailed, SiloBusy, SiloRefused, SiloUnreachable
from tests.integration.test_ldap import STAFF, bench_of, connect, scan
from tests.slapd import PASSWORD, PEOPLE, SERVICE, SUFFIX, Slapd, entry, person, running

ANY = "(objectClass=*)"
MANY = "".join(person(f"p{number:02}") for number in range(50))
ANN = f"cn=ann,{PEOPLE}"


@pytest.fixture(params=get_args(WireKind))
def kind(request: pytest.FixtureRequest) -> WireKind:
    return request.param  # type: ignore[no-any-return] # one of the above


def address(url: str, kind: WireKind, timeout: int = 20) -> Address:
    return Address(
        urls=(url,),
        user=SERVICE,
        password=Secret(PASSWORD),
        wire=kind,
        timeout_seconds=timeout,
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Slapd]:
    with running(tmp_path / "slapd", STAFF) as started:
        yield started


@pytest.fixture
def wire(server: Slapd, kind: WireKind) -> Iterator[Wire]:
    found = Wire.connect(address(server.url, kind))
    yield found
    found.close()


class TestLdapByTheCWire(ConnectorContract):
    @pytest.fixture
    def bench(self, server: Slapd) -> Bench:
        connector = connect(server.url, page_size=2, wire="c")
        return bench_of(server, connector, wire="c", many_members=10_000)


def test_an_installation_without_the_c_library_is_told_what_to_install(
    server: Slapd, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delitem(sys.modules, "hypersync.connectors.directory.c_link", raising=False)
    monkeypatch.setitem(sys.modules, "ldap", None)
    with pytest.raises(SiloRefused, match=r"install 'hypersync\[ldap-c\]'"):
        Wire.connect(address(server.url, "c"))


# --- searches ----------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["size.hard=20", "size.hard=20 size.prtotal=20"])
def test_a_size_limit_on_a_later_page_fails_the_scan(tmp_path: Path, kind: WireKind, limit: str):
    extra = f'limits dn.exact="{SERVICE}" size.soft=20 {limit}'
    with running(tmp_path / "slapd", MANY, extra=extra) as server:
        connector = connect(server.url, page_size=15, wire=kind)
        with connector.open() as session:
            stream = session.scan(connector.streams()[0], None)
            with pytest.raises(ScanFailed, match=r"size limit was reached \[sizeLimitExceeded"):
                list(stream)


def test_a_server_that_dies_in_the_middle_fails_the_scan(tmp_path: Path, kind: WireKind):
    with running(tmp_path / "slapd", MANY) as server:
        connector = connect(server.url, page_size=10, wire=kind)
        with connector.open() as session:
            stream = session.scan(connector.streams()[0], None)
            assert len(next(stream)) == 10
            server.kill()
            with pytest.raises(ScanFailed, match="went away in the middle"):
                list(stream)


def test_a_base_that_is_not_there_fails_the_scan(wire: Wire):
    with pytest.raises(ScanFailed, match="there is no such entry"):
        list(wire.pages(f"ou=peple,{SUFFIX}", ANY, ["*"]))


@pytest.mark.parametrize("filter_", ["(&(cn=x)", "(x", "()", ""])
def test_a_filter_that_is_none_is_refused_before_it_is_sent(wire: Wire, filter_: str):
    with pytest.raises(SiloRefused, match="this is not LDAP: "):
        list(wire.pages(PEOPLE, filter_, ["*"]))


def test_a_base_that_is_no_dn_is_refused(wire: Wire):
    with pytest.raises(ScanFailed, match="invalidDNSyntax"):
        list(wire.pages("nonsense", ANY, ["*"]))


def test_attributes_that_nobody_knows_are_absent(wire: Wire):
    (ann,) = wire.find(ANN, ANY, ["tilte", "cn"], base_only=True)
    assert ann.raw == {"cn": [b"ann"]}


def test_no_attributes_are_none_and_not_all(wire: Wire):
    (ann,) = wire.find(ANN, ANY, [], base_only=True)
    assert ann.raw == {}


def test_a_part_that_is_elsewhere_fails_the_scan_unless_it_is_to_be_ignored(
    tmp_path: Path, kind: WireKind
):
    away = {"objectClass": ["referral", "extensibleObject"], "ou": "away"}
    there = entry(f"ou=away,{PEOPLE}", {**away, "ref": f"ldap://other.example.org/{PEOPLE}"})
    with running(tmp_path / "slapd", STAFF + there) as server:
        with pytest.raises(ScanFailed, match=r"on other servers: ldap://other\.example\.org"):
            scan(connect(server.url, wire=kind))
        assert len(scan(connect(server.url, wire=kind, references="ignore"))) == 4


def test_a_base_that_is_elsewhere_names_the_other_server(tmp_path: Path, kind: WireKind):
    with running(tmp_path / "slapd", STAFF, top="referral ldap://other.example.org") as server:
        wire = Wire.connect(address(server.url, kind))
        with pytest.raises(ScanFailed, match=r"refers to another .* names ldap://other\.example"):
            list(wire.pages("dc=elsewhere,dc=org", ANY, ["*"]))
        wire.close()


def test_names_and_values_come_as_they_are(wire: Wire):
    dn = f"cn=zoë,{PEOPLE}"
    (zoe,) = wire.find(PEOPLE, "(cn=zoë)", ["cn", "title"])
    assert zoe.dn == dn
    assert zoe.raw == {"cn": ["zoë".encode()], "title": [b"Clerk"]}


# --- writes ------------------------------------------------------------------------------------


def test_the_server_answers_in_the_same_words(wire: Wire):
    title = {"title": [("add", [b"Boss"])]}
    answers = [
        wire.modify(ANN, title, absent=["title"]),
        wire.modify(ANN, {"title": [("delete", [b"Boss"])]}),
        wire.modify(f"cn=eve,{PEOPLE}", title),
        wire.modify(ANN, {"tilte": [("add", [b"x"])]}),
        wire.add(ANN, {"objectClass": [b"inetOrgPerson"], "sn": [b"ann"]}),
        wire.delete(PEOPLE),
        wire.move(ANN, "cn=bob", None),
        wire.delete(ANN, controls=[Control("1.2.3.4")]),
    ]
    assert [each.description for each in answers] == [
        "assertionFailed",
        "noSuchAttribute",
        "noSuchObject",
        "undefinedAttributeType",
        "entryAlreadyExists",
        "notAllowedOnNonLeaf",
        "entryAlreadyExists",
        "unavailableCriticalExtension",
    ]
    assert answers[1].is_(Code.NO_SUCH_ATTRIBUTE)
    assert answers[1].text == "modify/delete: title: no such value"


def test_a_step_without_values_takes_all_away(wire: Wire):
    assert wire.modify(ANN, {"title": [("delete", [])]}).code == 0
    assert wire.modify(ANN, {"employeeType": [("replace", [])]}).code == 0
    (ann,) = wire.find(ANN, ANY, ["title", "employeeType", "departmentNumber"])
    assert ann.raw == {"departmentNumber": [b"Sales"]}


# --- what never ends, and what ended -----------------------------------------------------------


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_server_that_never_answers_is_unreachable_in_time(kind: WireKind, scheme: str):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(SiloUnreachable, match="cannot be reached"):
            Wire.connect(address(url, kind, timeout=1))


def test_a_server_that_stops_answering_is_lost_in_time(server: Slapd, kind: WireKind):
    wire = Wire.connect(address(server.url, kind, timeout=1))
    with server.suspended(), pytest.raises(Lost):
        wire.find(ANN, ANY, ["cn"])
    wire.close()


def test_a_connection_that_broke_does_not_go_on_as_nobody(server: Slapd, kind: WireKind):
    wire = Wire.connect(address(server.url, kind))
    server.kill()
    server.start()
    for _ in range(3):
        with pytest.raises(Lost):  # the root is for everybody to read
            wire.find("", ANY, ["namingContexts"], base_only=True)
    wire.close()


# --- what no server should say -----------------------------------------------------------------


def a_message(number: int, operation: bytes) -> bytes:
    return ber.sequence(ber.integer(number), operation)


def an_answer(tag: int, code: bytes = b"\0") -> bytes:
    return ber.element(tag, ber.element(0x0A, code) + ber.octets(b"") + ber.octets(b""))


def an_entry(*attributes: tuple[bytes, bytes]) -> bytes:
    parts = (ber.sequence(ber.octets(n), ber.element(0x31, ber.octets(v))) for n, v in attributes)
    return ber.element(0x64, ber.octets(b"cn=a") + ber.sequence(*parts))


BIND_RESPONSE, DONE, MODIFY_RESPONSE = 0x61, 0x65, 0x67


@contextmanager
def a_server_that_says(*found: Callable[[int], bytes], sign_in: bytes = b"\0") -> Iterator[str]:
    """Answer somebody who signs in, and the next request with messages made of its number."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            client, _ = listening.accept()
            with client, suppress(OSError):
                client.sendall(a_message(_number(client), an_answer(BIND_RESPONSE, sign_in)))
                number = _number(client) if found else 0
                for each in found:
                    client.sendall(each(number))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"ldap://127.0.0.1:{listening.getsockname()[1]}"
        thread.join(10)


def _number(client: socket.socket) -> int:
    request = client.recv(4096)
    start, end = ber.span(request, ber.span(request, 0, ber.MESSAGE)[0], ber.INTEGER)
    return int.from_bytes(request[start:end], "big")


def answered(kind: WireKind, *operations: bytes) -> Answer:
    said = [lambda number, each=each: a_message(number, each) for each in operations]
    with a_server_that_says(*said) as url:
        wire = Wire.connect(address(url, kind, timeout=5))
        try:
            return wire.search("dc=x", ANY, ["uid"])
        finally:
            wire.close()


@pytest.mark.parametrize("code", [b"\x33", b"\x34"], ids=["busy", "unavailable"])
def test_a_server_that_asks_to_wait_at_the_door_is_busy(kind: WireKind, code: bytes):
    with a_server_that_says(sign_in=code) as url, pytest.raises(SiloBusy, match="is not available"):
        Wire.connect(address(url, kind, timeout=5))
    with a_server_that_says(sign_in=code) as url:
        both = replace(address(url, kind, timeout=5), urls=("ldap://127.0.0.1:1", url))
        with pytest.raises(SiloUnreachable) as found:
            Wire.connect(both)
    assert type(found.value) is SiloUnreachable  # one of them does not answer


def test_an_answer_to_another_request_ends_no_search(kind: WireKind):
    assert answered(kind, an_entry((b"uid", b"1")), an_answer(DONE)).result.code == 0
    with pytest.raises(
        Lost, match=r"the server answers (a searchRequest with a modif|another req)"
    ):
        answered(kind, an_entry((b"uid", b"1")), an_answer(MODIFY_RESPONSE))


def test_an_answer_without_a_result_code_is_no_success():
    with pytest.raises(Lost, match="does not say how a searchRequest ended"):
        answered("ldap3", an_entry((b"uid", b"1")), an_answer(DONE, b""))


@pytest.mark.parametrize("again", [b"uid", b"UID"])
def test_an_attribute_that_stands_twice_is_not_believed(again: bytes):
    with pytest.raises(Lost, match="an attribute stands twice"):
        answered("ldap3", an_entry((b"uid", b"1"), (again, b"2")), an_answer(DONE))


@pytest.mark.parametrize(
    ("start", "why"),
    [
        (b"\x30\x84\x7f\xff\xff\xff", "announces a message of 2147483647 bytes"),
        (b"\x30\x84\x04\x00\x00\x01", "announces a message of 67108865 bytes, and 67108864 is"),
        (b"\x30\x85\x00\x00\x00\x00\x05", "takes more than four bytes"),
        (b"\x30\xff", "takes more than four bytes"),
    ],
)
def test_a_message_beyond_all_measure_is_not_waited_for(start: bytes, why: str):
    with a_server_that_says(lambda _: start, lambda _: b"\0" * 100) as url:
        wire = Wire.connect(address(url, "ldap3", timeout=5))
        with pytest.raises(Lost, match=why):
            wire.search("dc=x", ANY, ["uid"])
        wire.close()
