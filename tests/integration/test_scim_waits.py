"""How long a SCIM service is left alone that asks to wait before anybody is let in."""

from datetime import timedelta

import pytest

from hypersync.connectors.steady import Pause, SteadyConnector
from hypersync.errors import SiloBusy, SiloUnavailable
from tests.scim_service import ScimServer, problem
from tests.scimming import connect


class Waiting:
    """A connector that is opened patiently; ``naps`` are the pauses, which take no time."""

    def __init__(self, scim: ScimServer) -> None:
        self.naps: list[float] = []
        pause = Pause(monotonic=lambda: sum(self.naps), sleep=self.naps.append)
        self.connector = SteadyConnector(
            connect(scim.url), timeout=timedelta(seconds=60), pause=pause
        )


@pytest.mark.parametrize(("status", "kind"), [(429, SiloBusy), (503, SiloUnavailable)])
def test_a_service_that_asks_to_wait_says_for_how_long(
    scim: ScimServer, status: int, kind: type[SiloBusy]
):
    scim.instead = lambda _: problem(status, Retry_After="7")
    with pytest.raises(kind) as raised, connect(scim.url).open():
        pass
    assert raised.value.wait == timedelta(seconds=7)


@pytest.mark.parametrize("status", [429, 503])
def test_who_is_asked_to_wait_at_the_door_waits_as_long_and_is_let_in(
    scim: ScimServer, status: int
):
    answers = [problem(status, Retry_After="7"), problem(status, Retry_After="11")]
    scim.instead = lambda _: answers.pop(0) if answers else None
    waiting = Waiting(scim)
    with waiting.connector.open() as session:
        assert session.check() == []
    assert waiting.naps == [7, 11]


def test_who_is_asked_to_wait_for_longer_than_the_timeout_comes_again_later(scim: ScimServer):
    asked = []

    def instead(request):
        asked.append(request.path)
        return problem(429, Retry_After="3600")

    scim.instead = instead
    waiting = Waiting(scim)
    with pytest.raises(SiloBusy), waiting.connector.open():
        pass
    assert (waiting.naps, len(asked)) == ([], 1)


def test_a_service_that_does_not_say_for_how_long_is_tried_again_soon(scim: ScimServer):
    answers = [problem(429), problem(429)]
    scim.instead = lambda _: answers.pop(0) if answers else None
    waiting = Waiting(scim)
    with waiting.connector.open():
        pass
    assert max(waiting.naps) < 1
