"""What is kept of files that were read."""

from pathlib import Path

from hypersync.connectors.files import Kept, Stamp
from hypersync.model.objects import ObjectType

USER, GROUP = (ObjectType(silo="old", name=name) for name in ("user", "group"))


def test_a_file_is_read_once_for_each_type_as_long_as_it_stays(tmp_path: Path):
    path = tmp_path / "all"
    kept: Kept[str] = Kept()
    loaded: list[str] = []

    def read(kind: ObjectType) -> str:
        def load() -> tuple[Stamp, str]:
            loaded.append(kind.name)
            return Stamp.of(path), path.read_text()

        return kept.of(kind, path, load)

    path.write_text("one")
    assert [read(USER), read(USER), read(GROUP), read(GROUP)] == ["one"] * 4
    assert loaded == ["user", "group"]
    path.write_text("another")
    assert [read(USER), read(GROUP), read(USER)] == ["another"] * 3
    assert loaded == ["user", "group"] * 2
