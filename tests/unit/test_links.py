"""Links, tokens and codes."""

from urllib.parse import parse_qs, urlsplit

import pytest

from hypersync.approvals.links import (
    Invitation,
    Links,
    Signer,
    is_same_code,
    list_digest,
    token_hash,
)
from hypersync.model.ids import ActionId, RequestId, RunId
from hypersync.model.requests import Answer

INVITATION = Invitation(request=RequestId("r1"), address="ann@example.org", nonce="n1")
SIGNER = Signer(keys=(b"first-key", b"older-key"), environment="example/prod")
LINKS = Links("https://iam.example.org/sync")
RUN = RunId("run1")


def test_the_links_are_those_that_the_reference_promises():
    assert LINKS.action(Answer.APPROVE, ActionId("a1")) == (
        "https://iam.example.org/sync/hypersync/approve?action=a1"
    )
    assert LINKS.rule(Answer.REJECT, RUN, "a&b") == (
        "https://iam.example.org/sync/hypersync/reject?run=run1&rule=a%26b"
    )
    assert LINKS.older(RUN, "a&b/c") == (
        "https://iam.example.org/sync/hypersync/run=run1&rule=a%26b%2Fc"
    )
    assert LINKS.older(RUN, "rule", "t").endswith("&rule=rule?token=t")
    assert LINKS.report() == "https://iam.example.org/sync/report/pending"
    assert LINKS.run(RUN) == "https://iam.example.org/sync/report/runs/run1"


def test_a_token_is_one_value_of_a_link_whatever_is_in_it():
    query = urlsplit(LINKS.request(Answer.APPROVE, RequestId("r1"), "a&b=c")).query
    assert parse_qs(query) == {"request": ["r1"], "token": ["a&b=c"]}
    query = urlsplit(LINKS.report(RequestId("r1"), "t")).query
    assert parse_qs(query) == {"request": ["r1"], "token": ["t"]}


@pytest.mark.parametrize(
    ("url", "host"), [("https://iam.example.org:8443/x", "iam.example.org"), ("", "localhost")]
)
def test_messages_are_from_the_public_host(url, host):
    assert Links(url).host == host


def test_tokens_and_codes_are_the_same_each_time_they_are_derived():
    assert SIGNER.token(INVITATION) == SIGNER.token(INVITATION)
    assert len(SIGNER.token(INVITATION)) == 43
    assert SIGNER.code(INVITATION).isdigit()
    assert len(SIGNER.code(INVITATION)) == 6


@pytest.mark.parametrize(
    "other",
    [
        Invitation(request=RequestId("r2"), address="ann@example.org", nonce="n1"),
        Invitation(request=RequestId("r1"), address="bob@example.org", nonce="n1"),
        Invitation(request=RequestId("r1"), address="ann@example.org", nonce="n2"),
        Invitation(request=RequestId("r1a"), address="nn@example.org", nonce="n1"),
    ],
)
def test_every_part_of_an_invitation_makes_another_token(other):
    assert SIGNER.token(other) != SIGNER.token(INVITATION)
    assert SIGNER.code_of(SIGNER.token(other), INVITATION) is None


def test_an_older_key_still_verifies_and_gives_its_own_code():
    older = Signer(keys=(b"older-key",), environment="example/prod")
    token = older.token(INVITATION)
    assert token != SIGNER.token(INVITATION)
    assert SIGNER.code_of(token, INVITATION) == older.code(INVITATION)


def test_S12_another_environment_verifies_nothing():
    other = Signer(keys=SIGNER.keys, environment="example/dev")
    assert other.code_of(SIGNER.token(INVITATION), INVITATION) is None
    assert other.code_of("", INVITATION) is None
    assert other.code_of("ümlaut", INVITATION) is None


def test_keys_are_in_no_text_of_a_signer():
    assert "key" not in repr(SIGNER).replace("keys", "")


def test_a_stored_hash_tells_nothing_of_its_token():
    token = SIGNER.token(INVITATION)
    assert token not in token_hash(token)
    assert token_hash(token) != token_hash(token + "x")


def test_a_code_may_be_typed_with_spaces():
    assert is_same_code(" 123 456 ", "123456")
    assert not is_same_code("123457", "123456")
    assert not is_same_code("١٢٣٤٥٦", "123456")


def test_a_digest_stands_for_a_list_whatever_its_order():
    assert list_digest([("a", "1"), ("b", "2")]) == list_digest([("b", "2"), ("a", "1")])
    assert list_digest([("a", "1")]) != list_digest([("a", "2")])
    assert list_digest([]) != list_digest([("a", "1")])
