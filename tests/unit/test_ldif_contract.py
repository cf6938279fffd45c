"""The contract, as far as it is about reading, on LDIF files that somebody else writes."""

import os
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from hypersync.connectors.contract import Bench, Fragile
from hypersync.connectors.contract.deltas import DeltaContract
from hypersync.connectors.contract.following import FollowingContract
from hypersync.connectors.contract.reading import ReadingContract
from hypersync.connectors.contract.sessions import SessionContract
from hypersync.connectors.contract.trouble import TroubleContract
from hypersync.connectors.ldif.connector import LdifConnector, LdifOptions, LdifSession
from hypersync.connectors.memory import MemorySilo
from hypersync.connectors.settings import BATCH_SIZE, SiloSettings, object_types
from hypersync.errors import SiloUnreachable
from hypersync.model.objects import Attributes, Change, Outcome
from tests.memory_bench import GROUP, USER, MemoryHands, make_connector, make_silo

FILES = {"user": "people.ldif", "group": "groups.ldif"}
TYPES = {
    "user": {"path": FILES["user"], "anchor": "uid"},
    "group": {"path": FILES["group"], "anchor": "cn", "multi": ["member"], "members": "member"},
}


class Exporter(MemoryHands):
    """Somebody whose directory is exported into files whenever it changes."""

    def __init__(self, silo: MemorySilo, folder: Path) -> None:
        super().__init__(silo)
        self.folder = folder
        self.export()

    def export(self) -> None:
        for kind, name in FILES.items():
            there = (each for _, _, each in self.silo.versions({kind}, 0))
            entries = [entry(each.attributes) for each in there if each.attributes is not None]
            (self.folder / name).write_text("".join(["version: 1\n\n", *entries]))

    def append(self, entries: str) -> None:
        with (self.folder / FILES["user"]).open("a") as file:
            file.write(entries)

    def set(self, name: str, attribute: str, value: str) -> None:
        super().set(name, attribute, value)
        self.export()

    def delete(self, name: str) -> None:
        super().delete(name)
        self.export()


def entry(attributes: Attributes) -> str:
    dn = attributes.get("dn") or f"cn={attributes.get('uid') or 'staff'}"
    lines = [
        f"{name}:: {b64encode(str(each).encode()).decode()}\n"
        for name, value in {"dn": dn, **attributes}.items()
        for each in (value if isinstance(value, tuple) else (value,))
    ]
    return "".join([*lines, "\n"])


class ExportedSession(LdifSession):
    """Reads the files; what it is to write the other one does."""

    exporter: Exporter

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        if not (self.exporter.folder / FILES["user"]).exists():
            raise SiloUnreachable
        kinds = {"user": USER, "group": GROUP}
        with make_connector(self.exporter.silo).open() as session:
            outcomes = session.apply([replace(c, type=kinds[c.type.name]) for c in changes])
        self.exporter.export()
        return outcomes


class ExportedConnector(LdifConnector):
    exporter: Exporter

    def session(self) -> ExportedSession:
        session = ExportedSession(self._settings)
        session.exporter = self.exporter
        return session


def cut_off(path: Path) -> None:
    """Shorten a file while somebody may be reading it, then take it away."""
    os.truncate(path, 20)
    path.unlink()


class TestLdif(ReadingContract, SessionContract, DeltaContract, FollowingContract, TroubleContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Bench:
        exporter = Exporter(make_silo(), tmp_path)
        options = LdifOptions.model_validate({"types": TYPES})
        types = object_types("old", options, {})
        connector = ExportedConnector(
            SiloSettings(silo="old", options=options, types=types, root=tmp_path)
        )
        connector.exporter = exporter
        (user,), (group,) = connector.streams()

        @contextmanager
        def fragile() -> Iterator[Fragile]:
            many = range(2 * BATCH_SIZE)  # more than two batches hold
            exporter.append("".join(f"dn: cn=p{n}\nuid: p{n}\n\n" for n in many))
            yield Fragile(connector=connector, cut=lambda: cut_off(tmp_path / FILES["user"]))
            exporter.export()

        def duplicate() -> str:
            exporter.append("dn: cn=bob\nuid: bob\n\n")
            return "bob"

        return Bench(
            connector=connector,
            read_only_connector=connector,
            hands=exporter,
            user=user,
            group=group,
            new_user={"uid": "new", "title": "Trainee"},
            fragile=fragile,
            duplicate=duplicate,
        )
