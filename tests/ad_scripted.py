"""A domain controller that answers by a script: what Windows does and Samba does not."""

from collections.abc import Callable, Mapping, Sequence

from hypersync.connectors.directory.answers import Answer, Control, Entry, Raw, Result, Search, Step
from hypersync.connectors.directory.wire import Wire

Reply = Answer | Exception | Callable[[Search], Answer]


class Scripted:
    """Gives one prepared answer after the other to searches, and remembers what was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[Search] = []

    def search(self, search: Search) -> Answer:
        self.asked.append(search)
        assert self.replies, f"nothing is prepared for {search}"
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply(search) if callable(reply) else reply

    def add(self, dn: str, attributes: Raw, controls: Sequence[Control]) -> Result:
        raise AssertionError("a scan writes nothing")

    def modify(
        self, dn: str, changes: Mapping[str, Sequence[Step]], controls: Sequence[Control]
    ) -> Result:
        raise AssertionError("a scan writes nothing")

    def move(self, dn: str, rdn: str, parent: str | None, controls: Sequence[Control]) -> Result:
        raise AssertionError("a scan writes nothing")

    def delete(self, dn: str, controls: Sequence[Control]) -> Result:
        raise AssertionError("a scan writes nothing")

    def close(self) -> None:
        """Be gone."""

    @property
    def wire(self) -> Wire:
        return Wire(self, "ldap://dc1.example.org")


def answer(*entries: Entry, code: int = 0, said: str = "", **controls: bytes) -> Answer:
    """Return an answer; ``controls`` are values by the OID with underscores for dots."""
    named = {oid.removeprefix("oid_").replace("_", "."): value for oid, value in controls.items()}
    return Answer(list(entries), Result(code, said), named)
