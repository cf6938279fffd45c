from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from hypersync.connectors.csv_file.connector import CsvConnector, CsvOptions
from hypersync.connectors.settings import SiloSettings, object_types
from hypersync.model.objects import Change, Complete, Operation, Seen, Succeeded

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PART = TEXT.map(str.strip).filter(lambda text: text and ";" not in text)
PERSON = st.fixed_dictionaries({"name": TEXT, "groups": st.sets(PART, max_size=4).map(tuple)})
PEOPLE = st.dictionaries(TEXT.filter(lambda text: text and not text.isspace()), PERSON, max_size=6)


@settings(max_examples=60, deadline=None)
@given(people=PEOPLE, delimiter=st.sampled_from(",;\t|"), crlf=st.booleans())
def test_what_is_written_is_what_is_read(people: dict, delimiter: str, crlf: bool):
    with TemporaryDirectory() as folder:
        end = "\r\n" if crlf else "\n"
        header = delimiter.join(("id", "name", "groups"))
        (Path(folder) / "f.csv").write_bytes((header + end).encode())
        connector = connect(Path(folder), delimiter)
        ((kind,),) = connector.streams()
        changes = [
            Change(
                key=anchor,
                operation=Operation.CREATE,
                type=kind,
                anchor=anchor,
                before=None,
                after=attributes,
            )
            for anchor, attributes in people.items()
        ]
        with connector.open() as session:
            outcomes = session.apply(changes)
            batches = list(session.scan([kind], None))
            found = [session.read(kind, anchor) for anchor in people]
    events = [event for batch in batches for event in batch]
    assert events.pop() == Complete()
    assert [Seen(e.type, e.anchor, e.attributes) for e in found if e is not None] == events
    assert [each.object for each in outcomes if isinstance(each, Succeeded)] == found
    assert {e.anchor: expected(e.anchor, people) for e in events if isinstance(e, Seen)} == {
        e.anchor: dict(e.attributes) for e in events if isinstance(e, Seen)
    }
    assert len(events) == len(people)


def expected(anchor: str, people: dict) -> dict:
    """Return what a person is read as: blank text and no groups are missing."""
    out = {"id": anchor}
    if people[anchor]["name"].strip():
        out["name"] = people[anchor]["name"]
    if people[anchor]["groups"]:
        out["groups"] = tuple(sorted(people[anchor]["groups"]))
    return out


def connect(folder: Path, delimiter: str) -> CsvConnector:
    kind = {"path": "f.csv", "anchor": "id", "delimiter": delimiter, "multi": {"groups": ";"}}
    options = CsvOptions.model_validate({"types": {"person": kind}})
    types = object_types("f", options, {})
    return CsvConnector(
        SiloSettings(silo="f", options=options, types=types, root=folder, write=True)
    )
