"""A domain controller that answers by a script: what Windows does and Samba does not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from hypersync.connectors.ad.dirsync import OID as DIRSYNC
from hypersync.connectors.directory import ber
from hypersync.connectors.directory.answers import (
    Answer,
    Control,
    Entry,
    Lost,
    Raw,
    Result,
    Search,
    Step,
)
from hypersync.connectors.directory.link import Link
from hypersync.connectors.directory.wire import Wire

PAGED = "1.2.840.113556.1.4.319"

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


@dataclass
class LikeWindows:
    """A link to Samba that keeps to what Windows enforces.

    At most ``most_values`` of an attribute come at once, as a range beside an empty attribute; a
    search that is not paged ends at ``most_entries`` with an error; DirSync answers in turns of
    ``turn`` objects. ``dies_after`` that many searches the connection breaks.
    """

    link: Link
    most_values: int = 1_500
    most_entries: int = 1_000
    turn: int = 1_000
    dies_after: int | None = None

    def search(self, search: Search) -> Answer:
        if self.dies_after is not None:
            self.dies_after -= 1
            if self.dies_after < 0:
                raise Lost("the machine was switched off")
        dirsync = next((each for each in search.controls if each.oid == DIRSYNC), None)
        if dirsync is not None:
            return self._turn(search, dirsync)
        answer = self.link.search(search)
        is_paged = any(each.oid == PAGED for each in search.controls)
        if not is_paged and len(answer.entries) > self.most_entries:
            return replace(answer, entries=answer.entries[: self.most_entries], result=Result(4))
        return replace(answer, entries=[self._in_ranges(each) for each in answer.entries])

    def _in_ranges(self, entry: Entry) -> Entry:
        raw: dict[str, Sequence[bytes]] = {}
        for name, values in entry.raw.items():
            plain, sign, low = name.partition(";range=")
            start = int(low.partition("-")[0]) if sign else 0
            if len(values) <= self.most_values:
                raw[name] = values
                continue
            raw[plain] = []
            end = start + self.most_values
            raw[f"{plain};range={start}-{end - 1}"] = values[: self.most_values]
        return Entry(entry.dn, raw)

    def _turn(self, search: Search, control: Control) -> Answer:
        """Answer a part of what the server says; the cookie tells which, and of what."""
        flags, size, cookie = ber.parts_of(control.value or b"")
        start = 0
        if cookie.startswith(b"part "):
            _, number, cookie = cookie.split(b" ", 2)
            start = int(number)
        value = ber.sequence(ber.element(2, flags), ber.element(2, size), ber.octets(cookie))
        answer = self.link.search(
            replace(search, controls=[Control(control.oid, control.critical, value)])
        )
        end = start + self.turn
        if len(answer.entries) <= end:
            return replace(answer, entries=answer.entries[start:])
        following = b"part %d %s" % (end, cookie)
        more = ber.sequence(ber.integer(1), ber.integer(0), ber.octets(following))
        return replace(answer, entries=answer.entries[start:end], controls={control.oid: more})

    def add(self, dn: str, attributes: Raw, controls: Sequence[Control]) -> Result:
        return self.link.add(dn, attributes, controls)

    def modify(
        self, dn: str, changes: Mapping[str, Sequence[Step]], controls: Sequence[Control]
    ) -> Result:
        return self.link.modify(dn, changes, controls)

    def move(self, dn: str, rdn: str, parent: str | None, controls: Sequence[Control]) -> Result:
        return self.link.move(dn, rdn, parent, controls)

    def delete(self, dn: str, controls: Sequence[Control]) -> Result:
        return self.link.delete(dn, controls)

    def close(self) -> None:
        self.link.close()
