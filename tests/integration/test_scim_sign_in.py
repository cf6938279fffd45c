"""Signing in to a SCIM service, and what answers in its place; secrets stay out of every error."""

from __future__ import annotations

import base64
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError
from werkzeug import Response

from hypersync.connectors.scim.connector import ScimConnector
from hypersync.connectors.scim.options import ScimOptions
from hypersync.errors import ScanFailed, SiloRefused, SiloUnreachable
from hypersync.model.mistake import Level
from tests.scim_service import TOKEN, ScimServer, answer, listed, problem
from tests.scimming import TYPES, connect, scan

SECRET = "hunter2-and-more"  # noqa: S105 - it must not be seen anywhere


def refused(connector: ScimConnector) -> str:
    with pytest.raises(SiloRefused) as caught, connector.open():
        pass
    return caught.value.message


def unreachable(connector: ScimConnector) -> str:
    with pytest.raises(SiloUnreachable) as caught, connector.open():
        pass
    return caught.value.message


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"bearer": SECRET}, "Authorization", f"Bearer {SECRET}"),
        (
            {"user": "hypersync", "password": f"{SECRET}é"},
            "Authorization",
            "Basic " + base64.b64encode(f"hypersync:{SECRET}é".encode()).decode(),
        ),
        ({"header": "X-Api-Key", "value": SECRET}, "X-Api-Key", SECRET),
    ],
)
def test_each_way_to_sign_in_is_sent_with_every_request(
    scim: ScimServer, auth: dict[str, str], header: str, value: str
):
    scim.instead = lambda r: listed([]) if r.path == "/v2/Users" else answer({})
    scan(connect(scim.url, auth=auth))
    assert {r.headers.get(header) for r in scim.requests} == {value}


def test_nobody_signs_in_from_a_netrc(
    scim: ScimServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    scim.instead = lambda r: listed([])
    scan(connect(scim.url, auth=None))
    scan(connect(scim.url))
    assert {r.headers.get("Authorization") for r in scim.requests} == {None, f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    "auth",
    [
        {"bearer": SECRET},
        {"user": "hypersync", "password": SECRET},
        {"header": "X-Api-Key", "value": SECRET},
    ],
)
def test_a_service_that_says_the_secret_back_does_not_bring_it_into_an_error(
    scim: ScimServer, auth: dict[str, str]
):
    scim.instead = lambda r: problem(401, f"who is {SECRET}?\n{'x' * 500}")
    said = refused(connect(scim.url, auth=auth))
    assert "the service does not accept the token or password [401: who is ***?" in said
    assert SECRET not in said
    assert "\n" not in said
    assert len(said) < 450
    assert SECRET not in repr(connect(scim.url, auth=auth).settings.options)


def test_a_wrong_token_is_refused_with_a_sentence(scim: ScimServer):
    said = refused(connect(scim.url, auth={"bearer": SECRET}))
    assert said.startswith(f"{scim.url}/Users: the service does not accept the token")


def test_an_account_without_the_right_is_refused_with_a_sentence(scim: ScimServer):
    scim.instead = lambda r: problem(403)
    assert "has not the right" in refused(connect(scim.url))


def test_a_base_address_that_is_wrong_is_refused_with_a_remedy(scim: ScimServer):
    said = refused(connect(scim.url.removesuffix("/v2") + "/scim"))
    assert said.endswith("/scim/Users; look at 'url:' and at the type's 'endpoint'")


def test_an_endpoint_that_is_wrong_is_found_by_check(scim: ScimServer):
    types = {**TYPES, "crew": {"resource": "Crew"}, "team": {"resource": "Group", "endpoint": "T"}}
    with connect(scim.url, types=types).open() as session:
        found = [(mistake.message, mistake.remedy) for mistake in session.check()]
    assert [message for message, _ in found] == [
        f"{scim.url}/Crews cannot be read: there is nothing "
        "[404: No resource type found at 'Crews']",
        "the service has no resource type 'Crew'; it has Group, User",
        f"{scim.url}/T cannot be read: there is nothing [404: No resource type found at 'T']",
    ]
    assert found[0][1] == "mend the 'endpoint' of 'crew', or the rights of the account"


def test_attributes_that_the_service_does_not_know_are_found_by_check(scim: ScimServer):
    kind = {"attributes": ["tilte", "emails.vlaue", "what is this"], "map": {"x": "name.first"}}
    with connect(scim.url, types={"user": kind}).open() as session:
        found = [mistake.message for mistake in session.check()]
    assert found[:2] == [
        "the service knows no attribute 'emails.vlaue'",
        "the service knows no attribute 'tilte'",
    ]
    assert "'what is this' is no SCIM attribute" in found[2]
    assert found[3] == "the service knows no attribute 'name.first'"


@pytest.mark.parametrize(
    ("status", "location", "said"),
    [
        (302, "https://login.example.org/?token=x", "https://login.example.org, which"),
        (301, "/other", "another path, which is not followed"),
        (308, "", "another path"),
    ],
)
def test_redirects_are_not_followed(scim: ScimServer, status: int, location: str, said: str):
    scim.instead = lambda r: Response("", status, headers={"Location": location})
    found = refused(connect(scim.url))
    assert said in found
    assert "write the address itself" in found
    assert len(scim.requests) == 1


@pytest.mark.parametrize(
    "page",
    [
        Response("<html>please sign in</html>", content_type="text/html; charset=utf-8"),
        Response('{"totalResults": 1', content_type="application/scim+json"),
        Response(""),
    ],
)
def test_what_is_no_json_is_no_service(scim: ScimServer, page: Response):
    scim.instead = lambda r: page
    said = refused(connect(scim.url))
    assert "that is no JSON (a login page, perhaps)" in said
    assert "sign in" not in said


def test_a_service_that_fails_is_unreachable(scim: ScimServer):
    scim.instead = lambda r: problem(503)
    assert "the service is not available [503]" in unreachable(connect(scim.url))


def test_a_service_that_is_not_there_is_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    said = unreachable(connect(f"http://127.0.0.1:{port}"))
    assert said.startswith(f"http://127.0.0.1:{port} cannot be reached: Failed to establish")
    assert "object at" not in said


def test_a_service_that_never_answers_is_unreachable_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert "no answer" in unreachable(connect(url, timeout=1))


def test_a_service_that_speaks_nonsense_is_unreachable(scim: ScimServer):
    scim.instead = lambda r: Response("no gzip" * 9, headers={"Content-Encoding": "gzip"})
    assert "no answer" in unreachable(connect(scim.url))


def test_reading_fails_with_sentences(scim: ScimServer):
    connector = connect(scim.url)
    (kind,) = connector.streams()[0]
    with connector.open() as session:
        scim.instead = lambda r: answer({"id": "y"}) if r.path.endswith("/x") else None
        with pytest.raises(SiloRefused, match="reading user x: the service answered with somethi"):
            session.read(kind, "x")
        scim.instead = lambda r: problem(500)
        with pytest.raises(SiloUnreachable, match="reading user x: the service failed"):
            session.read(kind, "x")
        scim.instead = None
        assert session.read(kind, "../Groups?x=/") is None


def test_a_schema_that_cannot_be_read_fails_the_scan(scim: ScimServer):
    scim.instead = lambda r: problem(500) if "Schemas" in r.path else None
    connector = connect(scim.url)
    with pytest.raises((ScanFailed, SiloUnreachable), match="/Schemas: the service failed"):
        scan(connector)


def test_a_secret_goes_in_clear_only_when_that_is_said():
    there = {"auth": {"bearer": "x"}, "types": TYPES, "insecure": "true"}
    assert ScimOptions.model_validate({"url": "http://x", **there}).is_secret_in_clear
    here = ScimOptions.model_validate({"url": "http://127.0.0.1", **there, "insecure": "false"})
    assert not here.is_secret_in_clear


# --- TLS ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key in the same file."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    openssl = shutil.which("openssl")
    assert openssl is not None
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command = [openssl, "req", *kind, "-keyout", str(file), "-out", str(file) + ".cert", *subject]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own command line
    file.write_bytes(file.read_bytes() + Path(str(file) + ".cert").read_bytes())
    return file


@pytest.fixture(scope="module")
def secure(certificate: Path, scim_server: ScimServer) -> Iterator[int]:
    """The same service behind TLS; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with scim_server.behind(context) as port:
        yield port


def test_the_certificate_is_checked(scim: ScimServer, secure: int, certificate: Path):
    scim.add_user("ann")
    url = f"https://127.0.0.1:{secure}/v2"
    trusting = connect(url, tls={"ca_file": certificate.name}, root=certificate.parent)
    assert len(scan(trusting)) == 2
    said = unreachable(connect(url))
    assert "cannot be reached" in said
    assert "self-signed certificate" in said
    assert said.endswith("or named with 'tls: {ca_file: ...}'")
    unchecked = connect(url, tls={"verify": "false"})
    assert len(scan(unchecked)) == 2
    with unchecked.open() as session:
        (mistake,) = session.check()
    assert mistake.level is Level.WARNING
    assert "is not checked" in mistake.message


def test_a_certificate_for_another_name_is_refused(secure: int, certificate: Path):
    url = f"https://localhost:{secure}/v2"
    said = unreachable(connect(url, tls={"ca_file": str(certificate)}))
    assert "certificate is not valid for 'localhost'" in said


def test_a_file_of_authorities_that_is_not_there_is_said(secure: int):
    url = f"https://127.0.0.1:{secure}/v2"
    said = unreachable(connect(url, tls={"ca_file": "nowhere.pem"}))
    assert "nowhere.pem" in said


# --- options -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "ldap://x"}, "no base address of a SCIM service: ldap://x"),
        ({"url": f"https://u:{SECRET}@x"}, "no base address"),
        ({"url": "https://x/?token=1"}, "no base address"),
        ({"auth": {}}, "write one of 'bearer: ...'"),
        ({"auth": {"bearer": SECRET, "user": "x"}}, "write one of 'bearer: ...'"),
        ({"auth": {"user": "x"}}, "write one of 'bearer: ...'"),
        ({"url": "http://x", "auth": {"bearer": SECRET}}, "'insecure: true' allows it"),
        ({"page_size": "1"}, "greater than or equal to 2"),
        ({"patch": "okta"}, "'path', 'value', 'entra' or 'put'"),
        ({"types": {"person": {}}}, "write for instance 'resource: User'"),
        ({"types": {"user": {"anchor": "userName"}}}, "is always its id"),
        ({"types": {"user": {"map": {"x": "a b"}}}}, "'a b' is no SCIM attribute"),
        (
            {
                "types": {
                    "user": {"enabled": {"attribute": "active", "when_on": "1", "when_off": "0"}}
                }
            },
            "leave 'enabled' out",
        ),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], said: str):
    with pytest.raises(ValidationError) as caught:
        ScimOptions.model_validate({"url": "https://x", "types": TYPES, **options})
    (error,) = caught.value.errors()
    assert said in error["msg"]
    assert SECRET not in error["msg"]
