"""SCIM connectors as the tests want them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from hypersync.connectors.scim.connector import ScimConnector
from hypersync.connectors.scim.options import ScimOptions
from hypersync.connectors.settings import SiloSettings, object_types
from hypersync.connectors.steady import Pause
from hypersync.model.objects import Complete, ScanEvent
from tests.scim_service import ENTERPRISE, TOKEN

TYPES = {
    "user": {
        "map": {
            "departmentNumber": f"{ENTERPRISE}:department",
            "employeeType": "userType",
            "telephoneNumber": 'phoneNumbers[type eq "work"].value',
        }
    },
    "group": {"members": "member", "map": {"member": "members"}},
}


def connect(
    url: str,
    *,
    write: bool = True,
    timeout: int = 20,
    types: object = None,
    root: Path | None = None,
    pause: Pause | None = None,
    **options: object,
) -> ScimConnector:
    given = {"auth": {"bearer": TOKEN}, "types": types or TYPES, **options}
    found = ScimOptions.model_validate({"url": url, **given})
    settings = SiloSettings(
        silo="apps",
        options=found,
        types=object_types("apps", found, {}),
        root=root or Path(),
        write=write,
        timeout=timedelta(seconds=timeout),
    )
    return ScimConnector(settings, pause)


def scan(connector: ScimConnector, number: int = 0, cursor: str | None = None) -> list[ScanEvent]:
    with connector.open() as session:
        stream = session.scan(connector.streams()[number], cursor)
        return [event for batch in stream for event in batch]


def cursor_of(events: list[ScanEvent]) -> str:
    end = events[-1]
    assert isinstance(end, Complete)
    assert end.cursor is not None
    return end.cursor
