"""Whatever a driver gives becomes an attribute, or is said to be none; what is written stays."""

from dataclasses import replace
from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from hypersync.connectors.sql_database.columns import Column, anchor_bound, anchor_text
from hypersync.connectors.sql_database.values import Kind, plain
from hypersync.model.canonical import decode, encode

PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text()
    | st.binary()
    | st.datetimes()
    | st.datetimes(timezones=st.just(UTC))
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.uuids()
)
RAW = st.recursive(
    PLAIN, lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3)
)
DIALECTS = st.sampled_from(["sqlite", "postgresql", "mysql"])
WRITTEN = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.binary()


@given(RAW)
def test_every_value_can_be_stored_or_is_refused(raw: object):
    try:
        value = plain(raw)
    except ValueError:
        return
    stored = {"value": value}
    assert decode(encode(stored)) == ({} if value is None else stored)


@given(st.sampled_from(Kind), DIALECTS, WRITTEN)
def test_what_is_written_is_told_as_it_will_be_told_again(kind: Kind, dialect: str, value: object):
    column = Column(name="x", kind=kind, dialect=dialect)
    is_choice = kind is not Kind.JSON  # which is no place for the state of an account
    for each in (column, replace(column, is_choice=is_choice), replace(column, is_zoned=True)):
        try:
            told = each.normal(value)  # type: ignore[arg-type] # a scalar
        except ValueError:
            continue
        assert each.normal(told) == told


@given(st.sampled_from([Kind.TEXT, Kind.WHOLE, Kind.BYTES, Kind.UUID]), st.data())
def test_an_anchor_finds_the_row_that_it_names(kind: Kind, data: st.DataObject):
    raw = {
        Kind.TEXT: st.text(st.characters(exclude_characters="\0"), min_size=1),
        Kind.WHOLE: st.integers(-(2**63), 2**63 - 1),
        Kind.BYTES: st.binary(min_size=1),
        Kind.UUID: st.uuids().map(str),
    }[kind]
    value = data.draw(raw)
    column = Column(name="x", kind=kind)
    assert anchor_bound(column, anchor_text(column.read(value))) == value
