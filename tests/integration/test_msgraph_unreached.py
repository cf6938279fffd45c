"""A Graph, or a sign-in, that is not reached: the sentence says where, and what would help."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hypersync import cli
from hypersync.cli.frame import Exit
from hypersync.connectors.msgraph.connector import MsgraphConnector
from hypersync.connectors.registry import lookup
from hypersync.errors import ScanFailed, SiloError, SiloRefused, SiloUnreachable
from hypersync.model.objects import Operation, RetryAfter
from tests.certificates import Authority
from tests.graphing import apply, change, connect, kinds, scan
from tests.integration.test_bad_input_certificates import HOST, listening
from tests.processes import free_port

if TYPE_CHECKING:
    from tests.services.graph.service import GraphService

PROJECT = """\
public_url: http://127.0.0.1:8080
database: sqlite:///var/hypersync.db
secret_keys: ["0123456789abcdef0123456789abcdef"]
mail: {{host: localhost, sender: HyperSync <hypersync@example.org>}}
silos:
  app:
    connector: msgraph
    url: "{url}"
    {sign_in}
    types:
      user: {{resource: users, attributes: [displayName]}}
      group: {{resource: groups, attributes: [displayName]}}
joins:
  - {{slot: account, silo: app, type: user, value: "lower(userPrincipalName)"}}
"""
USER = {"displayName": "Ann", "userPrincipalName": "ann@contoso.com"}
ITSELF = "its certificate is signed by itself; name the file of it with 'ca_file: ...'"


@pytest.fixture
def nowhere() -> str:
    """An address at which nobody listens."""
    return f"http://{HOST}:{free_port()}"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HYPERSYNC_SECRET_KEY", "HYPERSYNC_ENV", "HYPERSYNC_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").mkdir()
    (tmp_path / "rules").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def signing_in(graph: GraphService, *, trusts: bool = True) -> dict[str, object]:
    """Return the options of a sign-in that works, if the certificate of the authority is known."""
    graph.tenant.sign_in.required = True
    application, https = graph.tenant.sign_in.application, graph.https()
    found = {
        "tenant": graph.tenant.id,
        "client": application.id,
        "secret": application.secret,
        "authority": https.url,
    }
    return {"sign_in": found, **({"ca_file": str(https.ca_file)} if trusts else {})}


def configure(project: Path, url: str, options: dict[str, object]) -> None:
    given = "\n    ".join(f"{name}: {json.dumps(value)}" for name, value in options.items())
    text = PROJECT.format(url=url, sign_in=given)
    (project / "config" / "hypersync.yaml").write_text(text, encoding="utf-8")


def tried(capsys: pytest.CaptureFixture[str]) -> tuple[int, list[tuple[str, str, str]]]:
    capsys.readouterr()
    code = cli.invoke(["silo", "test", "app", "--json"])
    steps = json.loads(capsys.readouterr().out)["steps"]
    return code, [(each["step"], each["state"], each["message"]) for each in steps]


def refusal(connector: MsgraphConnector) -> SiloError:
    with pytest.raises((SiloUnreachable, SiloRefused)) as caught, connector.open() as session:
        session.reach()
    return caught.value


# --- nobody there --------------------------------------------------------------------------------


def test_a_silo_whose_graph_is_not_there_is_not_reached_though_the_sign_in_works(
    graph: GraphService,
    project: Path,
    nowhere: str,
    capsys: pytest.CaptureFixture[str],
):
    configure(project, nowhere, signing_in(graph))
    code, steps = tried(capsys)
    assert code == Exit.FAILED
    said = f"{nowhere}/v1.0 cannot be reached: nobody listens there [Connection refused]"
    assert steps[0] == ("reach", "failed", said)
    assert [state for _, state, _ in steps[1:]] == ["skipped"] * 3
    configure(project, graph.url, signing_in(graph))
    assert tried(capsys)[1][0] == ("reach", "ok", "app answers")


def test_a_check_of_a_graph_that_is_not_there_says_where(
    graph: GraphService, project: Path, nowhere: str, capsys: pytest.CaptureFixture[str]
):
    configure(project, nowhere, signing_in(graph))
    capsys.readouterr()
    assert cli.invoke(["check", "--json"]) == Exit.USAGE
    (mistake,) = json.loads(capsys.readouterr().out)["mistakes"]
    assert f"{nowhere}/v1.0 cannot be reached: nobody listens" in mistake["message"]


def test_what_keeps_all_types_of_a_silo_from_being_read_is_said_once(
    project: Path, nowhere: str, capsys: pytest.CaptureFixture[str]
):
    configure(project, nowhere, {})
    assert cli.invoke(["scan"]) == Exit.FAILED
    shown = capsys.readouterr()
    said = f"{nowhere}/v1.0 cannot be reached: nobody listens there [Connection refused]"
    assert shown.out == f"scan app (full) failed ({said})\n"
    assert shown.err.count(f"scan of silo app failed: {said}") == 1


def test_whatever_is_asked_of_a_graph_that_is_not_there_says_where(nowhere: str):
    connector = connect(nowhere)
    said = f"{nowhere}/v1.0 cannot be reached: nobody listens there [Connection refused]"
    with connector.open() as session:
        with pytest.raises(SiloUnreachable) as caught:
            session.read(kinds(connector)["user"], "1")
        assert caught.value.message == said
    for kind in ("user", "group"):
        with pytest.raises(ScanFailed) as failed:
            scan(connector, kind)
        assert failed.value.message == said
    (outcome,) = apply(connector, change(connector, Operation.CREATE, None, None, USER))
    assert isinstance(outcome, RetryAfter)
    assert outcome.is_lost
    assert outcome.reason == said


@pytest.mark.parametrize("where", ["url", "authority"])
def test_a_host_that_does_not_resolve_is_said(graph: GraphService, where: str):
    options = signing_in(graph)
    sign_in = options.pop("sign_in")
    assert isinstance(sign_in, dict)
    url = graph.url
    if where == "url":
        url = "https://graph.invalid"
    else:
        sign_in["authority"] = "https://graph.invalid"
    said = refusal(connect(url, sign_in=sign_in, **options)).message
    assert said.startswith("https://graph.invalid")
    assert "cannot be reached: the name of the host does not resolve [" in said


# --- somebody there ------------------------------------------------------------------------------


def test_a_graph_that_does_not_let_us_read_is_reached(graph: GraphService):
    code = "Authorization_RequestDenied"
    graph.fault("fail", status=403, code=code, message="Insufficient.", path="/users")
    with connect(graph).open() as session:
        session.reach()
    (call,) = graph.calls("GET", part="/users")
    assert call.status == 403


@pytest.mark.parametrize(
    ("fault", "options", "words"),
    [
        ("login_page", {}, "a web page came"),
        ("malformed", {}, "instead of JSON"),
        ("drop", {"times": None}, "did not answer"),
        ("redirect", {}, "it sends us elsewhere"),
        ("fail", {"status": 401, "code": "InvalidAuthenticationToken"}, "the token"),
        ("fail", {"status": 404, "code": "ResourceNotFound"}, "refuses"),
        ("fail", {"status": 500, "code": "generalException"}, "does not serve us now"),
    ],
)
def test_what_does_not_answer_as_graph_is_not_reached(
    graph: GraphService, fault: str, options: dict[str, object], words: str
):
    graph.fault(fault, **options)
    said = refusal(connect(graph)).message
    assert said.startswith(f"{graph.url}/v1.0 ")
    assert words in said


# --- certificates --------------------------------------------------------------------------------


def test_a_certificate_of_graph_that_signs_itself_names_the_option(graph: GraphService):
    url = graph.https().url
    assert refusal(connect(url)).message.startswith(f"{url}/v1.0 cannot be reached: {ITSELF} [")


def test_a_certificate_of_the_sign_in_that_signs_itself_names_the_option(graph: GraphService):
    options = signing_in(graph, trusts=False)
    said = refusal(connect(graph.url, **options)).message
    assert said.startswith(f"{graph.https().url} cannot be reached: {ITSELF} [")


def test_a_certificate_of_an_unknown_authority_names_the_option(tmp_path: Path):
    certificate = Authority(tmp_path / "authority").issue("good", names=[HOST])
    with listening(certificate) as (port, received):
        said = refusal(connect(f"https://{HOST}:{port}", timeout=5)).message
    assert "not trusted here; name the file of the authority that signed it with 'ca_file" in said
    assert received == []


def test_the_option_that_is_named_is_one(graph: GraphService):
    assert "ca_file" in lookup("msgraph").options.model_fields
    https = graph.https()
    with connect(https.url, ca_file=str(https.ca_file)).open() as session:
        graph.tenant.sign_in.required = False
        session.reach()


# --- what the libraries say ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong", [{"authority": f"https://{HOST}:1"}, {"secret": "wrong"}, {"client": "nobody"}, {}]
)
def test_a_sign_in_that_fails_is_said_once(
    graph: GraphService, caplog: pytest.LogCaptureFixture, wrong: dict[str, str]
):
    options = signing_in(graph, trusts=bool(wrong))
    sign_in = options.pop("sign_in")
    assert isinstance(sign_in, dict)
    sign_in.update(wrong)
    with caplog.at_level(logging.WARNING):
        refusal(connect(graph.url, sign_in=sign_in, **options))
    assert caplog.messages == []
