"""What answers in the place of a service: login pages, what is no JSON, redirects elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from werkzeug import Request, Response

from hypersync.errors import ScanFailed, SiloUnreachable
from hypersync.model.objects import Change, Operation, RetryAfter, Unknown
from hypersync.ports.connector import Connector
from tests import graphing, scimming
from tests.scim_service import MEDIA, ScimServer, listed

if TYPE_CHECKING:
    from tests.services.graph.service import GraphService

NOT_ANSWERS = {
    "login_page": lambda: Response("<html>please sign in</html>", content_type="text/html"),
    "malformed": lambda: Response('{"id": "1', content_type=MEDIA),
    "nothing": lambda: Response("", content_type=MEDIA),
    "redirect": lambda: Response("", 302, headers={"Location": "https://elsewhere.example/x"}),
}


def boss(connector: Connector, anchor: str, attribute: str, before: str | None) -> Change:
    kind = connector.streams()[0][0]
    return Change(
        key=f"boss-{anchor}",
        operation=Operation.UPDATE,
        type=kind,
        anchor=anchor,
        before={attribute: before},
        after={attribute: "Boss"},
    )


@pytest.mark.parametrize("kind", NOT_ANSWERS)
def test_a_write_to_scim_that_gets_no_answer_of_scim_is_unknown_and_the_rest_waits(
    scim: ScimServer, kind: str
):
    ann = scim.add_user("ann")
    scim.instead = lambda r: NOT_ANSWERS[kind]() if r.method == "PATCH" else None
    connector = scimming.connect(scim.url)
    with connector.open() as session:
        outcomes = session.apply([boss(connector, ann, "title", "Clerk")] * 2)
    assert [type(each) for each in outcomes] == [Unknown, RetryAfter]
    assert [r.method for r in scim.requests].count("PATCH") == 1


@pytest.mark.parametrize("kind", NOT_ANSWERS)
def test_a_later_page_of_scim_that_is_none_fails_the_scan(scim: ScimServer, kind: str):
    def instead(request: Request) -> Response | None:
        if "startIndex" not in request.args:
            return None
        is_first = request.args["startIndex"] == "1"
        return listed([{"id": "1"}, {"id": "2"}], 3) if is_first else NOT_ANSWERS[kind]()

    scim.instead = instead
    with pytest.raises(ScanFailed, match=r"is no JSON|redirects to https://elsewhere"):
        scimming.scan(scimming.connect(scim.url))


@pytest.mark.parametrize("kind", ["login_page", "malformed", "redirect", "drop"])
def test_a_write_to_graph_that_gets_no_answer_of_graph_is_unknown(graph: GraphService, kind: str):
    ann = graph.add_user("ann")
    graph.fault(kind, path=r"\$batch", after=1, items=False)
    connector = graphing.connect(graph)
    with connector.open() as session:
        (outcome,) = session.apply([boss(connector, ann, "jobTitle", None)])
    assert isinstance(outcome, Unknown)


@pytest.mark.parametrize("kind", ["login_page", "malformed", "redirect", "drop"])
def test_a_read_of_graph_that_gets_no_answer_of_graph_is_not_taken_for_absence(
    graph: GraphService, kind: str
):
    ann = graph.add_user("ann")
    graph.fault(kind, times=None, items=False)
    connector = graphing.connect(graph, timeout=3)
    with pytest.raises(SiloUnreachable), connector.open() as session:
        session.read(connector.streams()[0][0], ann)
