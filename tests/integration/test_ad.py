"""The contract of every connector, kept by Active Directory: Samba as a domain controller."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hypersync.connectors.ad.connector import AdConnector
from hypersync.connectors.contract import Bench, ConnectorContract, Fragile, succeeded
from hypersync.model.objects import Operation
from tests.ad_silos import Corner, connect
from tests.samba import Samba, entry
from tests.wires import LdapWire

ATTRIBUTES = ["sAMAccountName", "title", "departmentNumber", "employeeType", "telephoneNumber"]
MANY = 1_000


class AdHands:
    """Somebody with the administrative tools."""

    def __init__(self, corner: Corner) -> None:
        self.corner = corner
        self.known: dict[str, str] = {}

    def dn(self, name: str) -> str:
        return self.corner.group(name) if name == "staff" else self.corner.person(name)

    def anchor(self, name: str) -> str:
        if name not in self.known:
            self.known[name] = self.corner.server.guid(self.dn(name))
        return self.known[name]

    def set(self, name: str, attribute: str, value: str) -> None:
        self.corner.set(name, attribute, value)

    def delete(self, name: str) -> None:
        self.anchor(name)
        self.corner.delete(self.dn(name))


def types_of(corner: Corner) -> dict[str, dict[str, object]]:
    return {
        "user": {"base": corner.people, "attributes": ATTRIBUTES},
        "group": {"base": corner.groups},
    }


def writing(corner: Corner, **options: object) -> AdConnector:
    """Return a connector that writes over TLS."""
    server = corner.server
    tls = {"url": server.tls_url, "tls": {"ca_file": str(server.certificate)}}
    return connect(server, types_of(corner), **{"write": True, **tls, **options})


@pytest.fixture
def corner(domain_controller: Samba) -> Corner:
    """Ann, bob and zoë, and the staff, which is ann."""
    corner = Corner.new(domain_controller)
    same = {"title": "Clerk", "departmentNumber": "Sales", "employeeType": "active"}
    corner.add_people("ann", "bob", "zoë", **same)
    corner.add_group("staff", ["ann"])
    return corner


class TestAd(ConnectorContract):
    @pytest.fixture
    def bench(self, corner: Corner) -> Bench:
        connector = writing(corner, page_size=2)
        ((user, group),) = connector.streams()

        @contextmanager
        def fragile() -> Iterator[Fragile]:
            with LdapWire(389, corner.server.address) as proxy:
                in_clear = writing(corner, url=proxy.url, tls={}, page_size=1)
                yield Fragile(connector=in_clear, cut=proxy.cut)

        return Bench(
            connector=connector,
            read_only_connector=writing(corner, write=False),
            hands=AdHands(corner),
            user=user,
            group=group,
            new_user={
                "dn": corner.person("new"),
                "sAMAccountName": corner.account("new"),
                "title": "Trainee",
                "unicodePwd": "Initial-Passw0rd",
            },
            moved=f"CN=ann,{corner.leavers}",
            has_deltas=True,
            read_only_attribute="whenCreated",
            references={name: corner.person(name) for name in ("ann", "bob", "zoë")},
            wrong_password=writing(corner, password="wrong"),  # noqa: S106 - as it says
            fragile=fragile,
            lacks={"duplicate_anchors": "the domain gives every object an objectGUID of its own"},
        )

    def test_many_members_are_read(self, bench: Bench, corner: Corner) -> None:
        # those of the contract are nowhere, and a domain refuses to refer to them; making them
        # takes the time, which grows with the square of their number
        names = [f"CN=m{number},{corner.people}" for number in range(MANY)]
        corner.server.local("".join(entry(dn, {"objectClass": "contact"}) for dn in names))
        members = tuple(sorted(names))
        before = {"member": (bench.reference("ann"),)}
        change = bench.change(Operation.UPDATE, "staff", before, {"member": members}, of_group=True)
        succeeded(bench.apply(change))
        assert bench.read("staff", bench.group)["member"] == members
        fewer = bench.change(
            Operation.UPDATE, "staff", {"member": members}, {"member": members[1:]}, of_group=True
        )
        assert succeeded(bench.apply(fewer))["member"] == members[1:]
