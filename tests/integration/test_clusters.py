"""Answers about a part of a request: what is shown, what is covered, and what is left open."""

import re

import pytest

from hypersync.approvals.decide import Ballot, OfRequest, OfRule, decide
from hypersync.errors import DecisionLost, NotFound
from hypersync.model.actions import ActionState
from hypersync.model.causes import REST, Cluster
from hypersync.model.requests import Answer, RequestState
from tests.asking import HOUR, NOON, stopped
from tests.pages import Browser

APPROVED, REJECTED, SUSPENDED = (
    ActionState.APPROVED,
    ActionState.REJECTED,
    ActionState.SUSPENDED,
)
CAUSE = "4 of 6 share company=ACME; they first appeared in the scan of 02:00, file 41% shorter"
CLUSTERS = (Cluster("1", "company=ACME", 4), Cluster(REST, "the rest", 2))


def asked(tmp_path, *people, **values):
    """Six actions in two clusters, asked about by mail."""
    world = stopped(tmp_path, *people, **values)
    many = world.suspend(4, cluster="1")
    few = world.suspend(2, first=10, cluster=REST)
    request = world.ask([*many, *few], cause=CAUSE, clusters=CLUSTERS)
    browser = Browser(world)
    browser.post_office()
    return browser, many, few, request


def ballot(answer: Answer = Answer.APPROVE) -> Ballot:
    return Ballot(answer=answer, by="person:ann", proof="session")


def test_a_cluster_is_decided_and_the_rest_stays_open(tmp_path):
    browser, many, few, request = asked(tmp_path)
    world = browser.world
    target = OfRequest(request.id, cluster=REST)
    decided = decide(world.store, target, ballot(), now=NOON, settings=world.settings)
    assert {action.id for action in decided.decided} == set(few)
    assert world.states(few) == [APPROVED] * 2
    assert world.states(many) == [SUSPENDED] * 4
    assert world.request(request.id).state is RequestState.OPEN


def test_the_last_cluster_closes_the_request(tmp_path):
    browser, many, few, request = asked(tmp_path)
    world = browser.world
    for key, answer in ((REST, Answer.APPROVE), ("1", Answer.REJECT)):
        target = OfRule(world.run, "disable-leaver", cluster=key)
        decide(world.store, target, ballot(answer), now=NOON, settings=world.settings)
    assert world.states(few) == [APPROVED] * 2
    assert world.states(many) == [REJECTED] * 4
    ended = world.request(request.id)
    assert ended.state is RequestState.CLOSED
    assert (ended.counts["approved"], ended.counts["rejected"]) == (2, 4)


def test_a_cluster_that_is_not_there_is_refused_and_the_real_ones_are_named(tmp_path):
    browser, many, few, request = asked(tmp_path)
    world = browser.world
    with pytest.raises(NotFound, match="no cluster '7': it has 1, rest"):
        decide(
            world.store,
            OfRequest(request.id, cluster="7"),
            ballot(),
            now=NOON,
            settings=world.settings,
        )
    assert world.states([*many, *few]) == [SUSPENDED] * 6


def test_a_request_without_clusters_is_decided_as_a_whole_only(tmp_path):
    world = stopped(tmp_path)
    request = world.ask(world.suspend(3))
    with pytest.raises(NotFound, match="it has none; decide all of it"):
        decide(
            world.store,
            OfRequest(request.id, cluster="1"),
            ballot(),
            now=NOON,
            settings=world.settings,
        )


def test_the_list_of_another_cluster_does_not_cover_this_one(tmp_path):
    """What was shown is what is decided: the digest is of the part that was on the page."""
    browser, many, few, request = asked(tmp_path)
    shown = browser.form(browser.link(f"approve?request={request.id}&cluster={REST}"))
    world = browser.world
    target = OfRequest(request.id, cluster="1", digest=shown["digest"])
    with pytest.raises(DecisionLost):
        decide(world.store, target, ballot(), now=NOON, settings=world.settings)
    assert world.states([*many, *few]) == [SUSPENDED] * 6


def test_the_same_answer_about_a_cluster_twice_is_fine_and_another_is_lost(tmp_path):
    browser, _, few, request = asked(tmp_path)
    world = browser.world
    target = OfRequest(request.id, cluster=REST)
    for _ in range(2):
        done = decide(world.store, target, ballot(), now=NOON, settings=world.settings)
        assert {action.id for action in done.decided} == set(few)
    late = decide(world.store, target, ballot(Answer.REJECT), now=NOON, settings=world.settings)
    assert not late.decided
    assert {action.id for action in late.lost} == set(few)


def test_the_mail_says_the_cause_and_has_links_for_each_cluster_the_smallest_first(tmp_path):
    browser, many, few, request = asked(tmp_path)
    message = browser.bag.messages[-1]
    for text in (message.text, message.html):
        assert "4 of 6 share company=ACME" in text
        assert text.index("the rest") < text.index("company=ACME", text.index("the rest"))
    for answer in ("approve", "reject"):
        for key in ("1", REST):
            assert browser.link(f"{answer}?request={request.id}&cluster={key}")
    rows = re.findall(r"approve\?action=([\w-]+)", message.text)
    assert rows == [*few, *many]
    assert [line for line in message.text.splitlines() if line.startswith("==")] == [
        "== the rest: 2",
        "== company=ACME: 4",
    ]


def test_looking_at_the_link_of_a_cluster_changes_nothing(tmp_path):
    browser, many, few, request = asked(tmp_path)
    link = browser.link(f"approve?request={request.id}&cluster={REST}")
    for method in ("GET", "HEAD", "OPTIONS"):
        for _ in range(3):
            assert browser.open(link, method).status_code == 200
    assert browser.world.states([*many, *few]) == [SUSPENDED] * 6


def test_the_link_of_a_cluster_shows_and_decides_only_it(tmp_path):
    browser, many, few, request = asked(tmp_path)
    link = browser.link(f"approve?request={request.id}&cluster={REST}")
    page = browser.open(link).get_data(as_text=True)
    assert "<h1>Approve 2 actions?</h1>" in page
    assert "<dt>Only</dt><dd>the rest</dd>" in page
    assert "Person 10" in page
    assert "Person 1<" not in page
    answer = browser.answer(link)
    assert answer.status_code == 200
    assert "2 actions approved" in answer.get_data(as_text=True)
    assert browser.world.states(few) == [APPROVED] * 2
    assert browser.world.states(many) == [SUSPENDED] * 4


def test_the_link_of_a_cluster_needs_its_code(tmp_path):
    browser, many, few, request = asked(tmp_path)
    link = browser.link(f"reject?request={request.id}&cluster=1")
    assert browser.submit(link, code="").status_code == 403
    assert browser.world.states([*many, *few]) == [SUSPENDED] * 6


@pytest.mark.parametrize(
    "change",
    [
        lambda link: link.replace("cluster=1", "cluster=2"),
        lambda link: link.replace("cluster=1", "cluster=%00"),
        lambda link: link.replace("cluster=1", "cluster=" + "1" * 4000),
        lambda link: re.sub("token=.*", "token=nonsense", link),
    ],
    ids=["unknown", "nul", "long", "token"],
)
def test_a_link_of_a_cluster_that_was_changed_finds_nothing(tmp_path, change):
    browser, many, few, request = asked(tmp_path)
    link = change(browser.link(f"approve?request={request.id}&cluster=1"))
    assert browser.open(link).status_code == 404
    assert browser.post(link, {"token": "x", "code": browser.code()}).status_code in (400, 404)
    assert browser.world.states([*many, *few]) == [SUSPENDED] * 6


def test_a_single_action_has_no_clusters(tmp_path):
    browser, _, few, _ = asked(tmp_path)
    link = browser.link(f"approve?action={few[0]}")
    assert browser.open(f"{link}&cluster={REST}").status_code == 400


def test_the_page_of_the_whole_request_offers_its_parts(tmp_path):
    browser, _, _, request = asked(tmp_path)
    page = browser.open(browser.link(f"approve?request={request.id}&token")).get_data(as_text=True)
    assert "Approve 2…" in page
    assert "Reject 4…" in page
    assert page.count('class="heading"') == 2


def test_what_was_decided_already_is_no_longer_offered(tmp_path):
    browser, _, _, request = asked(tmp_path)
    browser.answer(browser.link(f"approve?request={request.id}&cluster={REST}"))
    page = browser.open(browser.link(f"reject?request={request.id}&token")).get_data(as_text=True)
    assert "<h1>Reject 4 actions?</h1>" in page
    assert f"cluster={REST}" not in page


def test_the_report_shows_cause_and_clusters_without_tokens(tmp_path):
    browser, _, _, request = asked(tmp_path)
    page = browser.open("/report/pending").get_data(as_text=True)
    assert "4 of 6 share company=ACME" in page
    assert f"/hypersync/approve?request={request.id}&amp;cluster={REST}" in page
    assert "token=" not in page


def test_a_part_rejected_request_is_not_approved_by_its_expiry(tmp_path):
    """Page 3: default-approve is refused for requests that were part-rejected."""
    from hypersync.approvals.tick import tick
    from hypersync.model.actions import OnExpiry

    world = stopped(tmp_path)
    many = world.suspend(4, cluster="1", on_expiry=OnExpiry.APPROVE)
    few = world.suspend(2, first=10, cluster=REST, on_expiry=OnExpiry.APPROVE)
    request = world.ask([*many, *few], clusters=CLUSTERS, on_expiry=OnExpiry.APPROVE)
    browser = Browser(world)
    browser.post_office()
    target = OfRequest(request.id, cluster="1")
    decide(world.store, target, ballot(Answer.REJECT), now=NOON + HOUR, settings=world.settings)
    tick(world.store, now=NOON + 25 * HOUR, settings=world.settings)
    assert world.states(few) == [ActionState.CLEARED] * 2
