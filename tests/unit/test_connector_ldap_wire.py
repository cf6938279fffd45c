from typing import Any

import pytest

from hypersync.connectors.directory.wire import Lost, Wire, escaped
from hypersync.errors import ScanFailed, SiloRefused

PAGED = "1.2.840.113556.1.4.319"


def answer(code: int = 0, cookie: bytes | None = None, *names: str, said: str = "") -> Any:
    """Return what the library holds after one search: entries and the result."""
    entries = [{"type": "searchResEntry", "raw_dn": n.encode(), "raw": {}} for n in names]
    result: dict[str, Any] = {"result": code, "description": f"code{code}", "message": said}
    if cookie is not None:
        result["controls"] = {PAGED: {"value": {"size": 0, "cookie": cookie}}}
    return entries, result


class CannedConnection:
    """Gives one prepared answer after the other, as the library would."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.cookies: list[bytes | None] = []
        self.response: Any = None
        self.result: Any = None

    def search(self, base: str, filter_: str, **options: Any) -> bool:
        self.cookies.append(options["paged_cookie"])
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        self.response, self.result = found
        return bool(self.response)


def pages(*answers: Any) -> list[list[str]]:
    wire = Wire(CannedConnection(*answers))
    return [[entry.dn for entry in page] for page in wire.pages("dc=x", "(cn=*)", ["cn"])]


def test_pages_go_on_until_the_cookie_is_empty():
    connection = CannedConnection(answer(0, b"1", "a"), answer(0, b"2"), answer(0, b"", "b"))
    found = [[e.dn for e in page] for page in Wire(connection).pages("dc=x", "(cn=*)", [])]
    assert found == [["a"], [], ["b"]]
    assert connection.cookies == [None, b"1", b"2"]


def test_a_server_that_does_not_page_ends_with_its_only_answer():
    assert pages(answer(0, None, "a")) == [["a"]]


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (3, "time limit"),
        (4, "size limit"),
        (10, "refers to another"),
        (11, "administrative limit"),
        (51, "code51"),
        (53, "cookie is not known"),
    ],
)
@pytest.mark.parametrize("cookie", [None, b"", b"more"])
def test_an_error_on_a_later_page_fails_the_search_even_with_entries(
    code: int, sentence: str, cookie: bytes | None
):
    with pytest.raises(ScanFailed, match=sentence):
        pages(answer(0, b"1", "a"), answer(code, cookie, "b", said="cookie is not known"))


@pytest.mark.parametrize("error", [OSError("reset"), KeyError(4242), IndexError("half")])
def test_whatever_breaks_on_the_way_fails_the_search(error: Exception):
    with pytest.raises(ScanFailed, match="went away in the middle"):
        pages(answer(0, b"1", "a"), error)


def test_references_to_other_servers_are_no_entries():
    entries, result = answer(0, b"", "a")
    assert pages(([*entries, {"type": "searchResRef", "uri": ["ldap://y"]}], result)) == [["a"]]


def test_find_tells_absence_from_refusal_and_loss():
    assert Wire(CannedConnection(answer(32))).find("cn=x", "(cn=*)", []) == []
    with pytest.raises(SiloRefused, match="has not the right"):
        Wire(CannedConnection(answer(50))).find("cn=x", "(cn=*)", [])
    with pytest.raises(Lost):
        Wire(CannedConnection(OSError("reset"))).find("cn=x", "(cn=*)", [])


def test_values_in_filters_are_escaped():
    assert escaped("a*(b)\\") == "a\\2a\\28b\\29\\5c"
