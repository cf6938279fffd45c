"""The local Microsoft Graph over HTTP: sign-in with Microsoft's own library, faults, switches."""

import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    CertificateCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

SCOPE = "https://graph.microsoft.com/.default"


@pytest.fixture
def client(graph):
    """A client that is signed in."""
    with httpx.Client(base_url=graph.graph_url, headers=graph.headers) as client:
        yield client


def options(graph) -> dict:
    """What Microsoft's credentials have to be told to sign in here."""
    https = graph.https()
    return {
        "authority": https.url,
        "connection_verify": str(https.ca_file),
        "disable_instance_discovery": True,
    }


def users(graph, token: str) -> int:
    """The status of a read with a token."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{graph.graph_url}/users", headers=headers).status_code


# --- signing in ----------------------------------------------------------------------------------


def test_a_client_secret_signs_in(graph):
    application = graph.tenant.sign_in.application
    credential = ClientSecretCredential(
        graph.tenant.id, application.id, application.secret, **options(graph)
    )
    assert users(graph, credential.get_token(SCOPE).token) == 200


@pytest.mark.parametrize(
    ("tenant", "client_id", "secret", "part"),
    [
        (None, None, "wrong", "AADSTS7000215"),
        (None, "6f1c7a52-2c0e-4f6e-9d52-0d1f1a0b7c33", None, "AADSTS700016"),
    ],
)
def test_a_secret_that_is_wrong_is_refused(graph, tenant, client_id, secret, part):
    application = graph.tenant.sign_in.application
    credential = ClientSecretCredential(
        tenant or graph.tenant.id,
        client_id or application.id,
        secret or application.secret,
        **options(graph),
    )
    with pytest.raises(ClientAuthenticationError, match=part):
        credential.get_token(SCOPE)


def test_a_secret_that_has_expired_is_refused(graph):
    application = graph.tenant.sign_in.application
    application.secret_has_expired = True
    credential = ClientSecretCredential(
        graph.tenant.id, application.id, application.secret, **options(graph)
    )
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000222"):
        credential.get_token(SCOPE)


@pytest.fixture(scope="module")
def certificate() -> tuple[bytes, bytes]:
    """A certificate and its key, as PEM."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hypersync")])
    now = datetime.now(UTC)  # noqa: TID251 - the certificate of a moment
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(pem), secret


def test_a_certificate_signs_in_if_it_is_registered(graph, certificate):
    public, key = certificate
    application = graph.tenant.sign_in.application
    credential = CertificateCredential(
        graph.tenant.id, application.id, certificate_data=key + public, **options(graph)
    )
    with pytest.raises(ClientAuthenticationError, match="AADSTS700027"):
        credential.get_token(SCOPE)
    application.certificates.append(public)
    assert users(graph, credential.get_token(SCOPE).token) == 200


@pytest.mark.parametrize("kind", ["machine", "app service"])
def test_a_managed_identity_signs_in(graph, monkeypatch, kind):
    if kind == "machine":
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", graph.url)
    else:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{graph.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", graph.tenant.sign_in.identity_header)
    assert users(graph, ManagedIdentityCredential().get_token(SCOPE).token) == 200


def test_a_managed_identity_answers_only_the_machine_itself(graph):
    address = f"{graph.url}/metadata/identity/oauth2/token?resource=https://graph.microsoft.com"
    assert httpx.get(address).status_code == 400
    assert httpx.get(address, headers={"Metadata": "true"}).status_code == 200
    wrong = {"X-IDENTITY-HEADER": "guessed"}
    assert httpx.get(f"{graph.url}/msi/token", headers=wrong).status_code == 401
    graph.tenant.sign_in.managed_identity = None
    assert httpx.get(address, headers={"Metadata": "true"}).status_code == 400


@pytest.mark.parametrize(
    ("change", "status", "number"),
    [
        ({"grant_type": "password"}, 400, 70003),
        ({"scope": "User.Read"}, 400, 1002012),
        ({"client_secret": None}, 401, 7000218),
    ],
)
def test_a_request_for_a_token_that_is_wrong_is_refused(graph, change, status, number):
    application = graph.tenant.sign_in.application
    form = {
        "grant_type": "client_credentials",
        "client_id": application.id,
        "client_secret": application.secret,
        "scope": SCOPE,
    } | change
    sent = {name: value for name, value in form.items() if value is not None}
    answer = httpx.post(f"{graph.url}/{graph.tenant.id}/oauth2/v2.0/token", data=sent)
    assert (answer.status_code, answer.json()["error_codes"]) == (status, [number])


def test_an_unknown_tenant_is_refused(graph):
    answer = httpx.post(f"{graph.url}/contoso/oauth2/v2.0/token", data={})
    assert answer.json()["error_codes"] == [90002]


# --- what goes wrong -----------------------------------------------------------------------------


def test_so_many_requests_are_throttled_and_the_next_is_not(graph, client):
    graph.fault("throttle", times=2, retry_after="7", path="/users")
    answers = [client.get("/users") for _ in range(3)]
    assert [each.status_code for each in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "7"
    assert client.get("/groups").status_code == 200


def test_a_failure_is_what_it_was_told_to_be(graph, client):
    graph.fault("fail", status=503, retry_after="2")
    graph.fault("fail", status=500, code="InternalServerError", message="Oops.")
    first, second = client.get("/users"), client.get("/users")
    assert (first.status_code, first.headers["Retry-After"]) == (503, "2")
    assert first.json()["error"]["code"] == "ServiceUnavailable"
    assert (second.status_code, second.json()["error"]["message"]) == (500, "Oops.")


def test_an_answer_that_is_lost_was_carried_out(graph, client):
    user = graph.add_user("a")
    graph.fault("lost_answer", status=504, code="GatewayTimeout")
    assert client.patch(f"/users/{user}", json={"city": "Ulm"}).status_code == 504
    assert graph.values(user)["city"] == "Ulm"


@pytest.mark.parametrize("at", [None, 0, 10])
def test_a_connection_that_drops_does_so_in_the_middle_of_the_body(graph, client, at):
    graph.fill(users=20)
    graph.fault("drop", at=at)
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/users")
    assert client.get("/users").status_code == 200


def test_a_login_page_is_html_with_status_200(graph, client):
    graph.fault("login_page")
    answer = client.get("/users")
    assert (answer.status_code, answer.headers["Content-Type"]) == (
        200,
        "text/html; charset=utf-8",
    )
    assert "<form>" in answer.text


def test_malformed_json_is_none(graph, client):
    graph.fault("malformed")
    with pytest.raises(ValueError, match=r"line 1 column"):
        client.get("/users").json()


@pytest.mark.parametrize("address", ["/users?$top=1", "/users/delta"])
def test_links_may_lead_elsewhere(graph, client, address):
    graph.fill(users=2)
    graph.fault("elsewhere", host="https://evil.example")
    body = client.get(address).json()
    link = body.get("@odata.nextLink") or body["@odata.deltaLink"]
    assert link.startswith("https://evil.example/v1.0/users")


def test_an_answer_may_be_a_redirect_elsewhere(graph, client):
    graph.fault("redirect", host="https://evil.example")
    answer = client.get("/users")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "https://evil.example/v1.0/users"


def test_a_delay_outlasts_an_impatient_client_and_ends_with_the_service(graph, client):
    graph.fault("delay", seconds=600)
    with pytest.raises(httpx.ReadTimeout):
        client.get("/users", timeout=0.05)
    graph.stopping.set()
    graph.stopping.clear()
    assert client.get("/users").status_code == 200


def test_a_fault_waits_for_its_method_path_and_turn(graph, client):
    user = graph.add_user("a")
    graph.fault("fail", method="patch", path=f"/users/{user}$", after=1)
    statuses = [
        client.get(f"/users/{user}").status_code,
        client.patch(f"/users/{user}", json={"city": "Ulm"}).status_code,
        client.patch(f"/users/{user}", json={"city": "Bonn"}).status_code,
        client.patch(f"/users/{user}", json={"city": "Bonn"}).status_code,
    ]
    assert statuses == [200, 204, 503, 204]


def test_a_fault_without_end_lasts_until_all_is_well(graph, client):
    graph.fault("fail", times=None)
    assert [client.get("/users").status_code for _ in range(3)] == [503] * 3
    graph.quiet()
    assert client.get("/users").status_code == 200


def test_there_are_no_other_faults(graph):
    with pytest.raises(ValueError, match=r"no such fault: explode; kinds are delay, .*"):
        graph.fault("explode")
    with pytest.raises(ValueError, match=r"no such fault: \['tims'\]"):
        graph.fault("fail", tims=3)


# --- alone ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def alone():
    """The service as a program; what it says of itself."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.services.graph", "--users", "12", "--groups", "2"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = {}
        for line in process.stdout:
            name, _, value = line.rstrip().partition(": ")
            said[name] = value
            if name == "token":
                break
        yield said
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0


def test_alone_it_says_how_to_reach_it(alone):
    headers = {"Authorization": f"Bearer {alone['token']}"}
    found = httpx.get(f"{alone['graph']}/users", headers=headers).json()["value"]
    assert len(found) == 12
    form = {
        "grant_type": "client_credentials",
        "client_id": alone["client"],
        "client_secret": alone["secret"],
        "scope": SCOPE,
    }
    context = ssl.create_default_context(cafile=alone["certificate"])
    answer = httpx.post(f"{alone['sign-in']}/oauth2/v2.0/token", data=form, verify=context)
    assert answer.json()["expires_in"] == 3599


def test_alone_its_switches_are_turned_over_http(alone):
    control = alone["control"].removesuffix("/state")
    headers = {"Authorization": f"Bearer {alone['token']}"}
    with httpx.Client(headers=headers) as client:

        def status() -> int:
            return client.get(f"{alone['graph']}/users").status_code

        fault = {"kind": "fail", "status": 500, "times": None}
        assert client.post(f"{control}/faults", json=fault).json()["status"] == 500
        assert status() == 500
        assert client.get(f"{control}/state").json()["faults"][0]["kind"] == "fail"
        client.delete(f"{control}/faults")
        assert status() == 200
        link = client.get(f"{alone['graph']}/users/delta").json()["@odata.deltaLink"]
        client.post(f"{control}/clock", json={"seconds": 7 * 86400})
        assert client.get(link).json()["error"]["code"] == "syncStateNotFound"
        assert client.post(f"{control}/limits", json={"units": 1}).json()["units"] == 1
        assert status() == 429
        assert client.post(f"{control}/limits", json={"documented": True}).json()["units"] == 3500
        client.post(f"{control}/limits")
        client.post(f"{control}/lag", json={"reads": 1})
        client.post(f"{control}/lag")
        client.post(f"{control}/company", json={"groups": 3})
        assert client.get(f"{control}/state").json()["groups"] == 3
        client.delete(f"{control}/received")
        assert status() == 200
        (received,) = client.get(f"{control}/received").json()
        assert (received["path"], received["status"]) == ("/v1.0/users", 200)


def test_a_switch_that_there_is_not_is_named(alone):
    control = alone["control"].removesuffix("/state")
    answer = httpx.post(f"{control}/nothing")
    assert answer.status_code == 404
    assert "POST /control/faults" in answer.json()["error"]
    assert httpx.post(f"{control}/faults", json={"kind": "no"}).status_code == 400
