"""Signing in to the local Entra; what `check` and `rights` say of permissions and attributes."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from hypersync.connectors.msgraph.connector import MISSING_EXTRA, MsgraphConnector
from hypersync.connectors.steady import SteadyConnector
from hypersync.errors import SiloRefused, SiloUnreachable
from hypersync.model.mistake import Level
from hypersync.model.rights import Verb
from tests.graphing import TYPES, connect, scan

if TYPE_CHECKING:
    from tests.services.graph.service import GraphService
    from tests.services.graph.sign_in import Application


def signing_in(
    graph: GraphService,
    application: Application | None = None,
    *,
    types: object = None,
    write: bool = True,
    **more: object,
) -> MsgraphConnector:
    """Return a connector that signs in, by its secret unless told otherwise."""
    https = graph.https()
    found = application or graph.tenant.sign_in.application
    given = {
        "tenant": graph.tenant.id,
        "client": found.id,
        "secret": found.secret,
        "authority": https.url,
        **more,
    }
    return connect(
        graph,
        types=types,
        write=write,
        ca_file=str(https.ca_file),
        sign_in={name: value for name, value in given.items() if value is not None},
    )


def refusal(connector: MsgraphConnector) -> str:
    with pytest.raises(SiloRefused) as caught, connector.open():
        pass
    return caught.value.message


@pytest.fixture(scope="module")
def key_and_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with a key and the certificate that was made with it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hypersync")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = tmp_path_factory.mktemp("graph") / "graph.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        + certificate.public_bytes(pem)
    )
    return path


# --- signing in ----------------------------------------------------------------------------------


def test_a_secret_signs_in_and_the_token_is_kept(graph: GraphService):
    graph.add_user("ann")
    connector = signing_in(graph)
    assert len(scan(connector)) == 2
    graph.tenant.sign_in.application.secret = "another one"  # noqa: S105 - of nobody
    assert len(scan(connector)) == 2
    assert "the client secret is wrong" in refusal(signing_in(graph, secret="the old one"))  # noqa: S106


def test_a_certificate_signs_in(graph: GraphService, key_and_certificate: Path):
    application = graph.tenant.sign_in.application
    both = key_and_certificate.read_bytes()
    application.certificates.append(both[both.index(b"-----BEGIN CERTIFICATE") :])
    connector = signing_in(graph, secret=None, certificate=str(key_and_certificate))
    assert len(scan(connector)) == 1


def test_a_certificate_that_the_application_does_not_have_is_refused(
    graph: GraphService, key_and_certificate: Path
):
    said = refusal(signing_in(graph, secret=None, certificate=str(key_and_certificate)))
    assert "the certificate is not one of the application's" in said


def test_a_certificate_that_is_not_there_is_said_with_its_path(graph: GraphService, tmp_path: Path):
    path = tmp_path / "none.pem"
    said = refusal(signing_in(graph, secret=None, certificate=str(path)))
    assert said == f"the certificate {path} cannot be read: No such file or directory"


def test_a_certificate_that_is_none_is_said(graph: GraphService, tmp_path: Path):
    path = tmp_path / "text.pem"
    path.write_text("no certificate")
    assert "not possible like this" in refusal(
        signing_in(graph, secret=None, certificate=str(path))
    )


def test_a_managed_identity_signs_in(graph: GraphService, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{graph.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", graph.tenant.sign_in.identity_header)
    connector = connect(graph, sign_in={"managed_identity": "system"})
    assert len(scan(connector)) == 1


def test_a_managed_identity_that_is_not_there_is_refused(
    graph: GraphService, monkeypatch: pytest.MonkeyPatch
):
    graph.tenant.sign_in.managed_identity = None
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{graph.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", graph.tenant.sign_in.identity_header)
    assert "managed identity" in refusal(connect(graph, sign_in={"managed_identity": "system"}))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"secret": "wrong"}, "the client secret is wrong"),
        ({"client": "nobody"}, "the tenant knows no application with this client id"),
    ],
)
def test_a_wrong_sign_in_is_refused_in_words(
    graph: GraphService, wrong: dict[str, str], words: str
):
    assert words in refusal(signing_in(graph, **wrong))


def test_a_refused_sign_in_is_never_tried_again(graph: GraphService):
    graph.fault("fail", status=401, code="invalid_client", message="AADSTS7000215: wrong.")
    inner = signing_in(graph)
    steady = SteadyConnector(inner, timeout=inner.settings.timeout)
    with pytest.raises(SiloRefused, match="the client secret is wrong"), steady.open():
        pass
    with steady.open():  # the fault was for one request only
        pass


def test_a_secret_that_has_expired_is_said(graph: GraphService):
    application = graph.tenant.sign_in.register(secret_has_expired=True)
    assert "the client secret has expired" in refusal(signing_in(graph, application))


def test_an_authority_that_does_not_answer_is_unreachable(graph: GraphService):
    connector = signing_in(graph, authority="https://127.0.0.1:1")
    with pytest.raises(SiloUnreachable, match="cannot be reached"), connector.open():
        pass


def test_a_certificate_of_the_authority_that_nobody_trusts_is_unreachable(graph: GraphService):
    https = graph.https()
    sign_in = {"tenant": "t", "client": "c", "secret": "s", "authority": https.url}
    with (
        pytest.raises(SiloUnreachable, match="certificate"),
        connect(graph, sign_in=sign_in).open(),
    ):
        pass


def test_a_token_that_is_not_accepted_any_more_is_said(graph: GraphService):
    connector = signing_in(graph)
    with connector.open() as session:
        graph.tenant.sign_in.end_sessions()
        with pytest.raises(SiloRefused, match="the token was not accepted"):
            session.read(connector.streams()[0][0], "x")
        assert session.read(connector.streams()[0][0], "x") is None  # with another token


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_certificates_that_cannot_be_read_are_said_with_their_path(
    tmp_path: Path, text: str | None
):
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    sign_in = {"tenant": "t", "client": "c", "secret": "s"}
    connector = connect("https://graph.example.org", sign_in=sign_in, ca_file=str(path))
    assert refusal(connector).startswith(f"the certificates in {path} cannot be read: ")


def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "hypersync.connectors.msgraph.client", None)
    connector = connect("http://127.0.0.1:1")
    assert refusal(connector) == MISSING_EXTRA
    assert "install hypersync[msgraph]" in MISSING_EXTRA


def test_the_sdk_is_not_imported_before_a_silo_is_opened():
    program = (
        "import sys\n"
        "import hypersync.connectors.msgraph.connector\n"
        "heavy = {'msgraph', 'msgraph_core', 'kiota_http', 'azure', 'httpx', 'msal'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# --- what is checked -----------------------------------------------------------------------------


def test_missing_permissions_are_named_exactly(graph: GraphService):
    application = graph.tenant.sign_in.register(roles=frozenset({"User.Read.All"}))
    with signing_in(graph, application).open() as session:
        found = {each.message: each.remedy for each in session.check()}
    assert found == {
        "the application may not write users: it has none of User.ReadWrite.All, "
        "Directory.ReadWrite.All": "grant it the application permission User.ReadWrite.All and "
        "let an administrator consent",
        "the application may not read groups: it has none of Group.Read.All, Group.ReadWrite.All, "
        "Directory.Read.All, Directory.ReadWrite.All": "grant it the application permission "
        "Group.Read.All and let an administrator consent",
        "the application may not write groups: it has none of Group.ReadWrite.All, "
        "Directory.ReadWrite.All": "grant it the application permission Group.ReadWrite.All and "
        "let an administrator consent",
    }


def test_who_only_reads_needs_no_permission_to_write(graph: GraphService):
    roles = frozenset({"User.Read.All", "Group.Read.All"})
    application = graph.tenant.sign_in.register(roles=roles)
    with signing_in(graph, application, write=False).open() as session:
        assert session.check() == []


def test_rights_are_told_by_type_and_verb(graph: GraphService):
    roles = frozenset({"User.Read.All", "Group.ReadWrite.All"})
    application = graph.tenant.sign_in.register(roles=roles)
    with signing_in(graph, application).open() as session:
        found = {(each.type, each.verb): each for each in session.rights()}
    assert found["user", Verb.READ].granted is True
    assert found["user", Verb.CREATE].granted is False
    assert found["user", Verb.CREATE].lacking == ("User.ReadWrite.All",)
    assert all(found["group", verb].granted for verb in Verb)


@pytest.mark.parametrize(
    ("roles", "lacking"),
    [
        ({"User.Read.All"}, ("User-LifeCycleInfo.Read.All",)),
        ({"User.Read.All", "User-LifeCycleInfo.ReadWrite.All"}, ()),
    ],
)
def test_a_permission_of_one_attribute_is_named(
    graph: GraphService, roles: set[str], lacking: tuple[str, ...]
):
    application = graph.tenant.sign_in.register(roles=frozenset(roles))
    types = {"user": {"resource": "users", "attributes": ["employeeLeaveDateTime"]}}
    with signing_in(graph, application, types=types, write=False).open() as session:
        mistakes = session.check()
        (right, *_) = session.rights()
    assert (right.verb, right.granted, right.lacking) == (Verb.READ, True, lacking)
    assert right.except_for == (("employeeLeaveDateTime",) if lacking else ())
    assert [each.level for each in mistakes] == [Level.WARNING for _ in lacking]
    assert all("User-LifeCycleInfo.Read.All" in each.remedy for each in mistakes)


def test_where_nobody_signs_in_rights_are_not_told(graph: GraphService):
    with connect(graph).open() as session:
        assert {each.granted for each in session.rights()} == {None}


def test_a_permission_that_graph_itself_misses_is_said_in_its_words(graph: GraphService):
    graph.fault("fail", status=403, code="Authorization_RequestDenied", message="Insufficient.")
    with connect(graph).open() as session:
        (mistake,) = session.check()
    assert mistake.message.startswith("the application may not read users: ")
    assert "Insufficient." in mistake.message
    assert "User.Read.All" in mistake.remedy


def test_attributes_that_graph_does_not_know_are_found_by_check(graph: GraphService):
    types = {"user": {"resource": "users", "attributes": ["jobTitle", "tilte", "nix/part"]}}
    with connect(graph, types=types).open() as session:
        found = [each.message for each in session.check()]
        schema = session.schema().types["user"]
    assert found == [
        "Graph knows no attribute 'nix/part' of users",
        "Graph knows no attribute 'tilte' of users",
    ]
    assert schema is not None
    assert "tilte" not in schema
    assert schema["jobTitle"].read_only is False
    assert schema["createdDateTime"].read_only is True
    assert schema["businessPhones"].multi_valued is True
    assert {"password", "manager", "accountEnabled"} <= schema.keys()


def test_a_filter_that_graph_refuses_is_found_by_check(graph: GraphService):
    types = {"user": {**TYPES["user"], "filter": "jobTitle eq"}}
    with connect(graph, types=types).open() as session:
        (mistake,) = session.check()
    assert mistake.message.startswith("Graph refuses the filter of the type 'user': Invalid filter")


def test_a_service_that_is_busy_is_no_mistake_of_the_configuration(graph: GraphService):
    graph.fault("fail", status=500, code="generalException", times=None)
    with connect(graph).open() as session, pytest.raises(SiloUnreachable):
        session.check()
