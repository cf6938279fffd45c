"""The silo of `connector_contract` in memory, for tests of what stands on connectors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from hypersync.connectors.contract import Bench, Fragile
from hypersync.connectors.memory import (
    MemoryConnector,
    MemoryOptions,
    MemorySilo,
    MemoryTypeOptions,
)
from hypersync.connectors.settings import SiloSettings
from hypersync.model.objects import EnabledSpec, ObjectType
from hypersync.ports.connector import Connector

C = TypeVar("C", bound=MemoryConnector)
USER = ObjectType(
    silo="fake",
    name="user",
    enabled=EnabledSpec("employeeType", "active", "disabled"),
    options=MemoryTypeOptions(anchor="uid", read_only=("createTimestamp",)),
)
GROUP = ObjectType(
    silo="fake", name="group", members="member", options=MemoryTypeOptions(anchor="cn")
)


class MemoryHands:
    def __init__(self, silo: MemorySilo) -> None:
        self.silo = silo

    def anchor(self, name: str) -> str:
        return name

    def set(self, name: str, attribute: str, value: str) -> None:
        self.silo.put("user", name, {**(self.silo.get("user", name) or {}), attribute: value})

    def delete(self, name: str) -> None:
        self.silo.remove("user", name)


def make_silo() -> MemorySilo:
    silo = MemorySilo()
    for name in ("ann", "bob", "zoë"):
        silo.put(
            "user",
            name,
            {
                "uid": name,
                "dn": f"cn={name},ou=people",
                "title": "Clerk",
                "departmentNumber": "Sales",
                "employeeType": "active",
                "telephoneNumber": "",
            },
        )
    silo.put("group", "staff", {"cn": "staff", "member": ("ann",)})
    return silo


def make_connector(
    silo: MemorySilo,
    *,
    write: bool = True,
    batch_size: int = 2,
    kind: type[C] = MemoryConnector,
) -> C:
    options = MemoryOptions.model_validate({"types": {"user": {}, "group": {}}})
    settings = SiloSettings(silo="fake", options=options, types=(USER, GROUP), write=write)
    return kind(settings, silo, batch_size)


def bench_of(silo: MemorySilo, connector: Connector | None = None) -> Bench:
    used = connector or make_connector(silo)
    way = connector or make_connector(silo, batch_size=1)

    @contextmanager
    def fragile() -> Iterator[Fragile]:
        yield Fragile(connector=way, cut=lambda: setattr(silo.faults, "break_after", 0))
        silo.faults.break_after = None

    return Bench(
        connector=used,
        read_only_connector=make_connector(silo, write=False),
        hands=MemoryHands(silo),
        user=USER,
        group=GROUP,
        new_user={"uid": "new", "title": "Trainee"},
        moved="cn=ann,ou=sales",
        has_deltas=True,
        read_only_attribute="createTimestamp",
        fragile=fragile,
        lacks={
            "server_gone": "what is in memory does not go away while it is used",
            "duplicate_anchors": "anchors are the keys of a mapping",
        },
    )
