"""What is read: scans, single objects, schema and scope."""

from hypersync.connectors.contract.bench import Bench, seen, succeeded
from hypersync.model.objects import Complete, ObjectType, Operation, Seen

ANN = {"title": "Clerk", "departmentNumber": "Sales", "employeeType": "active"}


class ReadingContract:
    def test_full_scan_reports_every_object_once_and_ends_complete(self, bench: Bench) -> None:
        events = bench.scan(bench.user)
        users = [e for e in events if isinstance(e, Seen) and e.type == bench.user.name]
        assert sorted(e.anchor for e in users) == sorted(
            bench.hands.anchor(name) for name in ("ann", "bob", "zoë")
        )
        assert isinstance(events[-1], Complete)
        assert [e for e in events if isinstance(e, Complete)] == [events[-1]]

    def test_scan_reports_the_attributes(self, bench: Bench) -> None:
        ann = seen(bench.scan(bench.user), bench.user)[bench.hands.anchor("ann")]
        assert {name: ann.get(name) for name in ANN} == ANN

    def test_full_scan_reports_every_group_once_with_its_members(self, bench: Bench) -> None:
        events = bench.scan(bench.group)
        (staff,) = (e for e in events if isinstance(e, Seen) and e.type == bench.group.name)
        assert staff.anchor == bench.hands.anchor("staff")
        assert staff.attributes == bench.read("staff", bench.group)
        assert staff.attributes["member"] == (bench.reference("ann"),)

    def test_read_finds_what_the_scan_reports(self, bench: Bench) -> None:
        by_anchor = seen(bench.scan(bench.user), bench.user)
        assert by_anchor[bench.hands.anchor("bob")] == bench.read("bob")

    def test_reading_in_the_middle_of_a_scan_does_no_harm(self, bench: Bench) -> None:
        anchors = []
        with bench.connector.open() as session:
            for batch in session.scan(bench.stream_of(bench.user), None):
                for event in batch:
                    if isinstance(event, Seen) and event.type == bench.user.name:
                        anchors.append(event.anchor)
                        found = session.read(bench.user, event.anchor)
                        assert found is not None
                        assert found.attributes == event.attributes
        assert sorted(anchors) == sorted(bench.hands.anchor(n) for n in ("ann", "bob", "zoë"))

    def test_read_of_an_unknown_anchor_is_none(self, bench: Bench) -> None:
        with bench.connector.open() as session:
            assert session.read(bench.user, "00000000-0000-4000-8000-000000000000") is None

    def test_every_scanned_value_is_present(self, bench: Bench) -> None:
        for attributes in seen(bench.scan(bench.user), bench.user).values():
            assert all(value not in (None, "", ()) for value in attributes.values())

    def test_a_single_member_is_a_tuple_of_one(self, bench: Bench) -> None:
        assert bench.read("staff", bench.group)["member"] == (bench.reference("ann"),)

    def test_many_members_are_read(self, bench: Bench) -> None:
        members = tuple(f"cn=m{n},ou=people,dc=example,dc=org" for n in range(bench.many_members))
        before = {"member": (bench.reference("ann"),)}
        change = bench.change(Operation.UPDATE, "staff", before, {"member": members}, of_group=True)
        succeeded(bench.apply(change))
        assert bench.read("staff", bench.group)["member"] == tuple(sorted(members))
        fewer = bench.change(
            Operation.UPDATE, "staff", {"member": members}, {"member": members[1:]}, of_group=True
        )
        assert succeeded(bench.apply(fewer))["member"] == tuple(sorted(members[1:]))

    def test_scope_changes_with_the_attributes_only(self, bench: Bench) -> None:
        other = ObjectType(
            silo=bench.user.silo,
            name=bench.user.name,
            attributes=frozenset({"title"}),
            options=bench.user.options,
        )
        with bench.connector.open() as session:
            first = session.scope([bench.user])
            assert session.scope([bench.user]) == first
            assert session.scope([other]) != first

    def test_each_type_has_a_scope_of_its_own(self, bench: Bench) -> None:
        with bench.connector.open() as session:
            assert session.scope([bench.user]) != session.scope([bench.group])

    def test_schema_names_every_type(self, bench: Bench) -> None:
        with bench.connector.open() as session:
            assert {bench.user.name, bench.group.name} <= set(session.schema().types)

    def test_check_finds_nothing_wrong(self, bench: Bench) -> None:
        with bench.connector.open() as session:
            assert list(session.check()) == []
