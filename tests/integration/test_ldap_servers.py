"""Several servers, and what becomes of bad certificates: with either wire, against real slapds."""

import gc
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from pydantic import ValidationError

from hypersync.connectors.directory.ber import element, integer, octets, sequence
from hypersync.connectors.directory.tree import ANY
from hypersync.connectors.ldap.connector import LdapConnector
from hypersync.connectors.ldap.options import LdapOptions
from hypersync.errors import CursorLost, ScanFailed, SiloRefused, SiloUnreachable
from hypersync.model.objects import Change, Complete, Operation, RetryAfter
from tests.certificates import Authority, Certificate, self_signed
from tests.integration.test_ldap import STAFF, TYPES, connect, cursor_of, scan
from tests.slapd import PEOPLE, SERVICE, SUFFIX, Slapd, person, running
from tests.wires import LdapWire

HOST = "127.0.0.1"
Secured = Callable[[str], Slapd]


@pytest.fixture(params=["ldap3", "c"])
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder / "authority")


@pytest.fixture(scope="module")
def secured(folder: Path, authority: Authority) -> Iterator[Secured]:
    """Give servers by their certificate, each started when it is first asked for."""
    other = Authority(folder / "other", "Other CA")
    made: dict[str, Callable[[], Certificate]] = {
        "good": lambda: authority.issue("ldap", names=[HOST, "localhost"]),
        "expired": lambda: authority.issue("ldap", names=[HOST], days=(-3, -2)),
        "early": lambda: authority.issue("ldap", names=[HOST], days=(2, 3)),
        "elsewhere": lambda: authority.issue("ldap", names=["ldap.example.org"]),
        "bare": lambda: authority.issue("localhost"),
        "stranger": lambda: other.issue("ldap", names=[HOST]),
        "itself": lambda: self_signed(folder / "self", HOST),
    }
    running_now: dict[str, Slapd] = {}
    with ExitStack() as stack:

        def server(kind: str) -> Slapd:
            if kind not in running_now:
                found = made[kind]()
                top = f"TLSCertificateFile {found.file}\nTLSCertificateKeyFile {found.key}"
                running_now[kind] = stack.enter_context(running(folder / kind, STAFF, top=top))
            return running_now[kind]

        yield server


@pytest.fixture(scope="module")
def plain(folder: Path) -> Iterator[Slapd]:
    with running(folder / "plain", STAFF) as started:
        yield started


def refusal(connector: LdapConnector) -> str:
    with pytest.raises(SiloUnreachable) as caught, connector.open():
        pass
    return caught.value.message


# --- certificates ------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [True, False])
@pytest.mark.parametrize(
    ("kind", "cause", "remedy"),
    [
        ("expired", "its certificate has expired", "renew it on the server"),
        ("early", "its certificate is not valid yet", "compare the clocks"),
        ("elsewhere", "its certificate is for another name", "say it with 'tls: {name: ...}'"),
        ("stranger", "an authority that is not trusted", "'tls: {ca_file: ...}'"),
        ("itself", "its certificate is signed by itself", "'tls: {ca_file: ...}'"),
    ],
)
def test_a_bad_certificate_is_refused_with_cause_and_remedy(
    secured: Secured,
    authority: Authority,
    wire: str,
    kind: str,
    cause: str,
    remedy: str,
    start: bool,
):
    server = secured(kind)
    tls = {"start": "true"} if start else {}
    url = server.url if start else server.tls_url
    said = refusal(connect(url, wire=wire, tls={**tls, "ca_file": str(authority.file)}))
    assert said.startswith(f"{url} cannot be reached: ")
    assert cause in said
    assert remedy in said


def test_a_good_certificate_is_accepted(secured: Secured, authority: Authority, wire: str):
    server = secured("good")
    trusted = {"ca_file": str(authority.file)}
    assert len(scan(connect(server.tls_url, wire=wire, tls=trusted))) == 4
    assert len(scan(connect(server.url, wire=wire, tls={**trusted, "start": "true"}))) == 4


def test_without_a_ca_file_the_authorities_of_the_system_decide(secured: Secured, wire: str):
    said = refusal(connect(secured("good").tls_url, wire=wire))
    assert "an authority that is not trusted here" in said


def test_the_environment_does_not_switch_the_check_off(
    secured: Secured, wire: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LDAPTLS_REQCERT", "never")
    assert "is signed by itself" in refusal(connect(secured("itself").tls_url, wire=wire))


def test_one_connection_without_a_check_leaves_the_next_one_with_it(secured: Secured, wire: str):
    url = secured("itself").tls_url
    unchecked = connect(url, wire=wire, tls={"verify": "false"})
    assert len(scan(unchecked)) == 4
    assert "is signed by itself" in refusal(connect(url, wire=wire))
    with unchecked.open() as session:
        (mistake,) = session.check()
    assert "anybody can pose as it" in mistake.message


def test_a_ca_file_is_one_connections_own(secured: Secured, authority: Authority, wire: str):
    url = secured("good").tls_url
    assert len(scan(connect(url, wire=wire, tls={"ca_file": str(authority.file)}))) == 4
    assert "an authority that is not trusted here" in refusal(connect(url, wire=wire))


def test_a_certificate_with_another_name_is_accepted_when_the_name_is_said(
    secured: Secured, authority: Authority
):
    url = secured("elsewhere").tls_url
    tls = {"ca_file": str(authority.file), "name": "ldap.example.org"}
    assert len(scan(connect(url, tls=tls))) == 4
    assert "for another name" in refusal(connect(url, tls={**tls, "name": "ldap2.example.org"}))


def test_a_certificate_with_a_common_name_only_is_for_that_name(
    secured: Secured, authority: Authority
):
    server = secured("bare")
    by_name = server.tls_url.replace(HOST, "localhost")
    trusted = {"ca_file": str(authority.file)}
    assert len(scan(connect(by_name, tls=trusted))) == 4
    assert "for another name" in refusal(connect(server.tls_url, tls=trusted))
    assert len(scan(connect(server.tls_url, tls={**trusted, "name": "localhost"}))) == 4


def test_a_server_without_tls_is_not_asked_for_the_password(plain: Slapd, wire: str):
    said = refusal(connect(plain.url, wire=wire, tls={"start": "true"}))
    assert said.startswith(f"{plain.url} does not start TLS: ")
    assert said.endswith("give the server a certificate, or use ldaps://")


def test_ldaps_at_a_port_without_tls_is_said(plain: Slapd, wire: str):
    said = refusal(connect(plain.url.replace("ldap:", "ldaps:"), wire=wire, timeout=2))
    assert "cannot be reached" in said


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read: No such file"), ("x", "holds no certificate")]
)
def test_a_ca_file_that_is_none_is_a_refusal(
    plain: Slapd, tmp_path: Path, wire: str, content: str | None, said: str
):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    connector = connect(plain.url, wire=wire, tls={"start": "true", "ca_file": str(file)})
    with pytest.raises(SiloRefused, match=said) as caught, connector.open():
        pass
    assert str(file) in caught.value.message


def test_what_only_the_c_library_refuses_is_said(secured: Secured, authority: Authority):
    by_name = secured("good").tls_url.replace(HOST, "localhost")
    said = refusal(connect(by_name, wire="c", tls={"ca_file": str(authority.file)}))
    assert said.endswith("the default wire can, so remove 'wire: c'")


def test_kerberos_without_its_package_says_what_to_install(
    plain: Slapd, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "gssapi", None)
    connector = connect(plain.url, bind={"kerberos": "true"})
    with (
        pytest.raises(SiloRefused, match=r"install 'hypersync\[kerberos\]'"),
        connector.open(),
    ):
        pass


# --- several servers ---------------------------------------------------------------------------


@contextmanager
def listening(answer: Callable[[socket.socket], None] | None = None) -> Iterator[str]:
    """Listen at an address; without ``answer`` nobody is ever accepted."""
    with socket.create_server((HOST, 0)) as listener:
        url = f"ldap://{HOST}:{listener.getsockname()[1]}"
        if answer is None:
            yield url
            listener.setblocking(False)
            with pytest.raises(BlockingIOError):
                listener.accept()
            return
        thread = threading.Thread(target=lambda: answer(listener.accept()[0]))
        thread.start()
        yield url
        thread.join(20)


def dead_url() -> str:
    """Return an address where nobody listens."""
    with socket.create_server((HOST, 0)) as listener:
        return f"ldap://{HOST}:{listener.getsockname()[1]}"


def test_the_first_server_that_answers_is_used(
    plain: Slapd, wire: str, caplog: pytest.LogCaptureFixture
):
    dead = dead_url()
    with listening() as unused, connect([dead, plain.url, unused], wire=wire).open() as session:
        assert session.server == plain.url
    (record,) = caplog.records
    assert record.getMessage().startswith(f"using {plain.url}, because {dead} cannot be reached")


def test_the_preferred_server_is_used_without_a_word(
    plain: Slapd, wire: str, caplog: pytest.LogCaptureFixture
):
    with connect([plain.url, dead_url()], wire=wire).open() as session:
        assert session.server == plain.url
    assert not caplog.records


def test_when_no_server_answers_each_one_is_named(wire: str):
    first, second = dead_url(), dead_url()
    said = refusal(connect([first, second], wire=wire))
    assert said.count("Connection refused") == 2
    assert said.index(first) < said.index(second)


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_host_without_an_address_is_named(wire: str, scheme: str):
    url = f"{scheme}://nowhere.invalid"
    why = "the name 'nowhere.invalid' does not resolve to an address"
    assert refusal(connect(url, wire=wire)) == f"{url} cannot be reached: {why}"


def test_a_wrong_password_is_not_tried_at_the_next_server(plain: Slapd, wire: str):
    wrong = {"user": SERVICE, "password": "wrong"}
    with listening() as unused:
        connector = connect([plain.url, unused], wire=wire, bind=wrong)
        with pytest.raises(SiloRefused, match="wrong user or password"), connector.open():
            pass


def message_id(request: bytes) -> int:
    """Return the number of a request; the library counts on in a process, so it has many bytes."""
    at = 2 if request[1] < 0x80 else 2 + (request[1] & 0x7F)
    return int.from_bytes(request[at + 2 : at + 2 + request[at + 1]], "big")


def say_unavailable(client: socket.socket) -> None:
    """Answer a bind as a server does that is about to stop."""
    with client:
        number = message_id(client.recv(1 << 16))
        result = element(0x61, b"\x0a\x01\x34" + octets(b"") + octets(b"shutting down"))
        client.sendall(sequence(integer(number), result))
        client.recv(1 << 16)


@pytest.mark.parametrize("forged", ["all of it", "a piece"])
def test_what_came_in_clear_before_tls_is_not_taken_for_what_came_by_it(
    authority: Authority, wire: str, forged: str
):
    """Somebody on the way forges the answer to the bind, and the server never answers it."""
    certificate = authority.issue("ldap", names=[HOST])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file, certificate.key)
    good = b"\x0a\x01\x00" + octets(b"") + octets(b"")

    def answer(client: socket.socket) -> None:
        with client, suppress(OSError):
            number = message_id(client.recv(1 << 16))
            bound = sequence(integer(number + 1), element(0x61, good))
            more = bound if forged == "all of it" else bound[:5]
            client.sendall(sequence(integer(number), element(0x78, good)) + more)
            with context.wrap_socket(client, server_side=True) as secret:
                while secret.recv(1 << 16):
                    pass

    with listening(answer) as url:
        tls = {"start": "true", "ca_file": str(authority.file)}
        said = refusal(connect(url, wire=wire, tls=tls, timeout=5))
    assert said.startswith(f"{url} cannot be reached: something was sent in clear")


def test_a_server_that_is_not_available_now_is_passed_by(plain: Slapd, wire: str):
    with (
        listening(say_unavailable) as stopping,
        connect([stopping, plain.url], wire=wire).open() as session,
    ):
        assert session.server == plain.url


def test_a_scan_stays_with_its_server(tmp_path: Path, plain: Slapd, wire: str):
    with running(tmp_path / "slapd", "".join(person(f"p{n}") for n in range(30))) as server:
        connector = connect([server.url, plain.url], wire=wire, page_size=10)
        with connector.open() as session:
            stream = session.scan(connector.streams()[0], None)
            assert len(next(stream)) == 10
            server.kill()
            with pytest.raises(ScanFailed, match="went away in the middle"):
                list(stream)
        assert len(scan(connector)) == 4


def test_a_list_keeps_to_the_page_size_where_the_server_limits_it(tmp_path: Path, wire: str):
    limit = f'limits dn.exact="{SERVICE}" size.pr=10'
    people = "".join(person(f"p{n}") for n in range(30))
    with (
        running(tmp_path / "slapd", people, extra=limit) as server,
        connect(server.url, wire=wire).open() as session,
    ):
        pages = session.wire.pages(PEOPLE, ANY, ["entryUUID"], page_size=10, is_list=True)
        assert [len(page) for page in pages] == [10, 10, 10, 1]


def test_a_list_that_is_cut_off_fails(tmp_path: Path, wire: str):
    with running(tmp_path / "slapd", "".join(person(f"p{n}") for n in range(30))) as server:
        with connect(server.url, wire=wire).open() as session:
            pages = session.wire.pages(PEOPLE, ANY, ["entryUUID"], page_size=2, is_list=True)
            assert len(next(pages)) == 10
            server.kill()
            with pytest.raises(ScanFailed, match="went away in the middle"):
                list(pages)
        assert gc.isenabled()


def test_a_list_that_nobody_wants_to_the_end_leaves_the_connection_as_it_was(
    plain: Slapd, wire: str
):
    with connect(plain.url, wire=wire).open() as session:
        pages = session.wire.pages(SUFFIX, ANY, ["entryUUID"], page_size=1, is_list=True)
        next(pages)
        pages.close()
        assert gc.isenabled()
        assert len(list(session.wire.pages(PEOPLE, ANY, ["cn"], page_size=2))) == 2


def test_a_delta_does_not_go_on_at_another_server(secured: Secured, plain: Slapd):
    connector = connect([plain.url, secured("good").url])
    cursor = cursor_of(scan(connector))
    assert isinstance(scan(connector, cursor=cursor)[-1], Complete)
    with pytest.raises(CursorLost):
        scan(connect([secured("good").url, plain.url]), cursor=cursor)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": []}, "names no server"),
        ({"url": ["ldap://a", "ldap://b", "ldap://a/"]}, "'ldap://a' stands twice"),
        ({"url": ["ldap://a", "ldaps://b"]}, "these are mixed"),
        ({"url": "ldap://a:x"}, "no LDAP address"),
        ({"url": "ldap://u@a"}, "no LDAP address"),
        ({"url": "ldap://a", "wire": "d"}, "Input should be 'ldap3' or 'c'"),
        ({"url": "ldap://a", "wire": "c", "tls": {"name": "b"}}, "cannot check another name"),
        ({"url": "ldap://a", "bind": {"user": "cn=a"}}, "write 'user' and 'password', or"),
        ({"url": "ldap://a", "bind": {"user": "cn=a", "password": ""}}, "the password is empty"),
        (
            {"url": "ldap://a", "bind": {"kerberos": "true", "user": "a"}},
            "the ticket says who; remove user",
        ),
    ],
)
def test_contradictions_are_refused(options: dict[str, object], said: str):
    with pytest.raises(ValidationError, match=said):
        LdapOptions.model_validate({"types": TYPES, **options})


# --- a server that goes away before the first write ----------------------------------------------


def test_nothing_is_in_doubt_when_the_server_goes_before_its_schema_is_read(
    plain: Slapd, wire: str
):
    with LdapWire(plain.port) as proxy:
        connector = connect(proxy.url, wire=wire)
        ((user,), *_) = connector.streams()
        change = Change(
            key="1", operation=Operation.DELETE, type=user, anchor="x", before={}, after=None
        )
        with connector.open() as session:
            proxy.cut()
            outcomes = session.apply([change, change])
    assert [type(each) for each in outcomes] == [RetryAfter, RetryAfter]
