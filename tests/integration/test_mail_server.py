"""Mail servers that refuse, hang up, do not answer or cannot be trusted."""

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from socket import socket

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hypersync.approvals.tick import tick
from hypersync.channels.email import EmailChannel
from hypersync.errors import DeliveryFailed
from hypersync.model.requests import Plan, Step
from tests.asking import DAY, NOON, person, stopped
from tests.integration.test_mail import MINUTE, channel, message, send
from tests.processes import free_port
from tests.smtp_sink import SmtpSink, sink

__all__ = ["sink"]
PASSWORD = "secret-word"  # noqa: S105 - of nothing


def failure(used: EmailChannel, **values: str) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as failed:
        used.send(message(**values))
    assert "\n" not in failed.value.message
    return failed.value


# --- one recipient of several ------------------------------------------------------------------


def test_who_is_refused_for_good_is_an_event_at_once_and_the_others_get_their_mail(tmp_path, sink):
    world = stopped(tmp_path, person("ann"), person("bob"), person("cy"))
    world.ask(world.suspend())
    sink.refused["bob@example.org"] = "550 no such user"
    done = send(world, sink.port)
    assert (done.sent, done.failed, done.waiting) == (2, 1, 0)
    assert world.events("delivery_failed") == [
        {
            "address": "bob@example.org",
            "reason": "the mail server said 550 no such user",
            "then": "given_up",
        }
    ]
    assert send(world, sink.port, NOON + DAY / 2).sent == 0


def test_who_is_refused_for_now_is_no_event_and_is_tried_again(tmp_path, sink):
    world = stopped(tmp_path, person("ann"), person("bob"))
    world.ask(world.suspend())
    sink.refused["bob@example.org"] = "451 greylisted"
    assert send(world, sink.port).waiting == 1
    assert world.events("delivery_failed") == []
    sink.refused.clear()
    assert send(world, sink.port, NOON + MINUTE).sent == 1
    assert [mail["To"] for mail in sink.mails][-1] == "Bob Ng <bob@example.org>"


def test_when_all_of_a_step_are_refused_the_next_step_is_asked_at_once(tmp_path, sink):
    steps = (Step(to="role:approver", until=DAY), Step(to="email:duty@example.org", inform=True))
    plan = Plan(name="p", steps=steps)
    world = stopped(tmp_path, person("ann"), person("bob"), plans=[plan])
    world.ask(world.suspend(), plan="p")
    for who in ("ann", "bob"):
        sink.refused[f"{who}@example.org"] = "550 no such user"
    send(world, sink.port)
    tick(world.store, now=NOON + MINUTE, settings=world.settings)
    send(world, sink.port, NOON + MINUTE)
    assert [mail["To"] for mail in sink.mails] == ["duty@example.org"]
    kinds = [row["kind"] for row in world.rows("event")]
    assert kinds.count("delivery_failed") == 3
    assert "request_forward" not in kinds


@pytest.mark.parametrize(
    ("answer", "is_final"), [("552 too large", True), ("554 spam", True), ("452 full", False)]
)
def test_a_message_that_is_refused_is_the_messages_fault(sink, answer, is_final):
    sink.answer = answer
    failed = failure(channel(sink.port))
    assert (failed.permanent, failed.is_down) == (is_final, False)
    assert answer in failed.message


def test_a_sender_that_is_refused_is_nobodys_fault_who_should_get_the_mail(tmp_path, sink):
    sink.refused_senders["iam@example.org"] = "553 relaying denied"
    world = stopped(tmp_path, person("ann"), person("bob"))
    world.ask(world.suspend())
    done = send(world, sink.port)
    assert (done.waiting, done.failed) == (2, 0)
    assert "the sender was refused: the mail server said 553" in str(
        world.rows("delivery")[0]["error"]
    )


def test_a_sender_that_is_no_address_fails_nobodys_mail_for_good(sink):
    failed = failure(replace(channel(sink.port), sender="nobody"))
    assert failed.message == "the sender 'nobody' is no mail address"
    assert not failed.permanent
    assert failed.is_down


# --- servers that fail -------------------------------------------------------------------------


def test_a_server_that_hangs_up_in_the_middle_gets_the_same_mail_again(tmp_path, sink):
    world = stopped(tmp_path)
    world.ask(world.suspend())
    sink.answer = ""
    assert send(world, sink.port).waiting == 1
    sink.answer = "250 OK"
    assert send(world, sink.port, NOON + MINUTE).sent == 1
    assert len(sink.mails) == 1


def test_a_server_that_never_answers_is_tried_once_a_round(tmp_path):
    world = stopped(tmp_path, *[person(f"p{number}") for number in range(30)])
    world.ask(world.suspend())
    with socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(50)
        used = replace(channel(silent.getsockname()[1]), timeout=timedelta(seconds=0.2))
        done = send(world, 0, used=used)
        assert done.waiting == 30
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()
    assert {row["state"] for row in world.rows("delivery")} == {"waiting"}


def test_a_server_that_is_down_is_tried_once_a_round_and_nothing_is_lost(tmp_path):
    world = stopped(tmp_path, person("ann"), person("bob"))
    world.ask(world.suspend())
    assert send(world, free_port()).waiting == 2
    assert {row["attempts"] for row in world.rows("delivery")} == {1}


def test_a_server_that_refuses_the_sign_in_is_not_pestered(tmp_path, sink):
    world = stopped(tmp_path, *[person(f"p{number}") for number in range(5)])
    world.ask(world.suspend())
    used = replace(channel(sink.port), user="u", password=PASSWORD)
    assert send(world, 0, used=used).waiting == 5
    assert sink.connections == 1
    assert PASSWORD not in repr(world.rows("delivery"))


# --- protected connections ---------------------------------------------------------------------


def certificate(folder, name: str = "localhost") -> tuple[str, str]:
    """Make a certificate that signs itself; return its file and its key's."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    if name == "localhost":
        names.append(x509.IPAddress(IPv4Address("127.0.0.1")))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / f"{name}.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = folder / f"{name}.key"
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(pem), str(secret)


@pytest.fixture
def protected(tmp_path):
    """A function that starts a server with a certificate for a name."""
    started = []

    def start(name: str) -> SmtpSink:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate(tmp_path, name))
        server = SmtpSink(options={"tls_context": context, "require_starttls": True})
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


def test_a_trusted_certificate_lets_the_mail_through(tmp_path, protected, monkeypatch):
    server = protected("localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "localhost.pem"))
    replace(channel(server.port), security="starttls").send(message())
    assert len(server.mails) == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(protected):
    failed = failure(replace(channel(protected("localhost").port), security="starttls"))
    assert "certificate verify failed" in failed.message
    assert failed.is_down
    assert not failed.permanent


def test_the_certificate_of_another_server_is_refused(tmp_path, protected, monkeypatch):
    server = protected("other.example.org")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.example.org.pem"))
    failed = failure(replace(channel(server.port), security="starttls"))
    assert "127.0.0.1" in failed.message
    assert server.mails == []


def test_nothing_is_sent_unprotected_where_protection_is_wanted(sink):
    failed = failure(replace(channel(sink.port), security="starttls", user="u", password=PASSWORD))
    assert "STARTTLS" in failed.message
    assert failed.is_down
    assert sink.mails == []


def test_a_server_that_wants_protection_loses_no_mail_of_ours(protected):
    failed = failure(channel(protected("localhost").port))
    assert "STARTTLS" in failed.message
    assert not failed.permanent


# --- addresses and letters beyond ASCII --------------------------------------------------------


def test_what_is_sent_has_seven_bits_whatever_is_said(sink):
    text = "Grüße, 日本語, 🙂\n" + "https://iam.example.org/" + "x" * 1200 + "\n"
    channel(sink.port).send(message(text=text, html=f"<p>{text}</p>", subject="Größe"))
    assert sink.raw[0].isascii()
    assert max(map(len, sink.raw[0].splitlines())) <= 998
    assert sink.text().replace("\r\n", "\n") == text


def test_a_domain_beyond_ascii_needs_nothing_of_the_server(sink):
    channel(sink.port).send(message(address="ann@bücher.example"))
    assert sink.mails[0]["To"] == "Ann <ann@xn--bcher-kva.example>"


def test_a_name_beyond_ascii_needs_a_server_that_takes_it(sink):
    failed = failure(channel(sink.port), address="zoë@example.org")
    assert failed.permanent
    assert "SMTPUTF8" in failed.message
    server = SmtpSink(options={"enable_SMTPUTF8": True})
    server.start()
    try:
        channel(server.port).send(message(address="zoë@bücher.example"))
    finally:
        server.stop()
    assert "zoë@xn--bcher-kva.example".encode() in server.raw[0]


@pytest.mark.parametrize(
    "name",
    [
        "Ng, Dr. Ann",
        "stop Bcc: eve@example.org, Eve <eve@example.org> " * 3,
        'quoted " and \\ <eve@example.org>, ' * 3,
        "Zoë <eve@example.org>, and others; eve@example.org: " * 3,
        "group: eve@example.org, bob@example.org; " * 3,
        "=?utf-8?q?Eve_=3Ceve=40example=2Eorg=3E=2C?= " * 3,
        "(comment " * 20,
    ],
)
def test_S18_a_name_is_never_read_as_further_addresses(sink, name):
    channel(sink.port).send(message(recipient=name))
    (only,) = sink.mails[0]["To"].addresses
    assert only.addr_spec == "ann@example.org"
    assert not sink.mails[0]["To"].defects
