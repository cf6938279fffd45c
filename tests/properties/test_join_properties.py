from hypothesis import given
from hypothesis import strategies as st

from hypersync.pipeline.join import Grouping, Member, Mover, join

KEYS = st.sampled_from([None, "a", "b", "c", "d"])


class World:
    """Objects with the key each has by itself, and the identities they were put into."""

    def __init__(self) -> None:
        self.key_of: dict[int, str | None] = {}
        self.identity_of: dict[int, int] = {}
        self.keys: dict[int, str | None] = {}
        self.gone: set[int] = set()
        self._next = 1

    def move(self, changes: dict[int, str | None]) -> Grouping:
        movers = [Mover(each, self.identity_of.get(each), key) for each, key in changes.items()]
        members = [
            Member(each, identity, each not in self.gone)
            for each, identity in self.identity_of.items()
        ]
        owners = {key: identity for identity, key in self.keys.items() if key is not None}
        ids = iter(range(self._next, self._next + len(movers)))
        found = join(movers, members, self.keys, owners, ids)
        self._next += len(movers)
        self.keys.update(found.rekeyed)
        self.keys.update(found.created)
        self.identity_of.update(found.placed)
        self.key_of.update(changes)
        return found

    def groups(self) -> dict[int, list[int]]:
        groups: dict[int, list[int]] = {}
        for each, identity in self.identity_of.items():
            if each not in self.gone:
                groups.setdefault(identity, []).append(each)
        return groups


HISTORIES = st.lists(
    st.dictionaries(st.integers(1, 7), KEYS, min_size=1, max_size=5), min_size=1, max_size=6
)


@given(HISTORIES)
def test_live_objects_are_one_identity_exactly_when_they_have_one_key(history):
    world = World()
    for changes in history:
        world.move(changes)
        for identity, members in world.groups().items():
            keys = {world.key_of[each] for each in members}
            assert keys == {world.keys[identity]}
            assert None not in keys or len(members) == 1


@given(HISTORIES)
def test_a_key_belongs_to_one_identity_at_most(history):
    world = World()
    for changes in history:
        world.move(changes)
        held = [key for key in world.keys.values() if key is not None]
        assert len(held) == len(set(held))


@given(HISTORIES)
def test_the_same_moves_again_change_nothing(history):
    world = World()
    for changes in history:
        world.move(changes)
        assert world.move(changes) == Grouping()


@given(HISTORIES)
def test_a_merge_keeps_the_older_identity(history):
    world = World()
    for changes in history:
        for younger, older in world.move(changes).merged:
            assert older < younger


@given(HISTORIES)
def test_whoever_leaves_an_identity_or_is_merged_is_said(history):
    world = World()
    for changes in history:
        before = dict(world.identity_of)
        found = world.move(changes)
        moved = {
            each
            for each, identity in world.identity_of.items()
            if before.get(each, identity) != identity
        }
        said = {identity for pair in (*found.merged, *found.split) for identity in pair}
        assert {before[each] for each in moved} <= said
