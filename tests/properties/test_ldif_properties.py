"""Whatever is written as LDIF is read again, however it is folded, encoded and commented."""

from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st

from hypersync.connectors.ldif.records import Broken, NoContent, Reader, Record

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,8}(;lang-[a-z]{2})?", fullmatch=True).filter(
    lambda name: name.lower() not in ("dn", "changetype", "control", "version")
)
VALUES = st.binary(max_size=60) | st.text(max_size=40).map(str.encode)
ENTRIES = st.tuples(st.text(max_size=30), st.lists(st.tuples(NAMES, VALUES), max_size=6))


def is_safe(value: bytes) -> bool:
    """Tell whether a value may stand in a file as it is."""
    return (
        value.isascii()
        and not value.startswith((b" ", b":", b"<"))
        and not set(value) & {0, 10, 13}
        and not value.endswith(b" ")
    )


@st.composite
def files(draw: st.DrawFn) -> tuple[list[tuple[str, list[tuple[str, bytes]]]], bytes]:
    """Return entries, and a file that holds them."""
    entries = draw(st.lists(ENTRIES, max_size=5))
    end = draw(st.sampled_from([b"\n", b"\r\n"]))
    out = [b"version: 1"] if draw(st.booleans()) else []
    for dn, attributes in entries:
        if draw(st.booleans()):
            out += [b"# comment: x", b" dn: cn=nobody"]
        for name, value in [("dn", dn.encode()), *attributes]:
            out += _folded(draw, _line(draw, name, value))
        out += [b""] * draw(st.integers(min_value=1, max_value=3))
    return entries, b"".join(line + end for line in out)


def _line(draw: st.DrawFn, name: str, value: bytes) -> bytes:
    if is_safe(value) and draw(st.booleans()):
        return name.encode() + b": " + value
    return name.encode() + b":: " + b64encode(value)


def _folded(draw: st.DrawFn, line: bytes) -> list[bytes]:
    width = draw(st.integers(min_value=1, max_value=80))
    first, rest = line[:width], line[width:]
    return [first, *(b" " + rest[at : at + width] for at in range(0, len(rest), width))]


@given(files())
def test_what_was_written_is_read(file: tuple[list[tuple[str, list[tuple[str, bytes]]]], bytes]):
    entries, content = file
    found = list(Reader().read(content.splitlines(keepends=True)))
    assert all(isinstance(each, Record) for each in found)
    assert [(each.dn, list(each.attributes)) for each in found if isinstance(each, Record)] == (
        entries
    )


@given(st.lists(st.binary(max_size=30)))
def test_anything_is_read_or_said_to_be_wrong(lines: list[bytes]):
    found: list[Record | Broken] = []
    try:
        found += Reader().read([line.replace(b"\n", b"") + b"\n" for line in lines])
    except NoContent as error:
        found.append(Broken(1, str(error)))
    assert all(isinstance(each, Record) or (each.why and each.line > 0) for each in found)
    assert len(found) <= len(lines)
