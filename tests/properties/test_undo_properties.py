"""Whatever a run did, undoing it leaves a directory as it was, except what is said to stay."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from hypersync.model.actions import ActionState
from hypersync.model.objects import Operation
from tests.worlds import World

RULES = """\
ruleset: all
defaults: {throttle: 1s, threshold: {limit: 50, clears: 50}}
rules:
  - {id: provision, kind: provision, target: account, when: "hr.status == 'active'",
     once: {uid: "'u' + hr.id[1:]"}, set: {number: hr.id, title: hr.title, active: {text: "true"}}}
  - {id: flow-title, kind: update, target: account, set: {title: hr.title},
     clear_if_missing: [title]}
  - {id: enable, kind: update, target: account, do: enable,
     when: "hr.status == 'active' and not account.enabled"}
  - {id: disable, kind: deprovision, target: account, do: disable,
     when: "hr.status == 'left' and account.enabled"}
  - {id: delete, kind: deprovision, target: account, do: delete, when: "hr.status == 'gone'"}
  - {id: staff, kind: membership, member: account, group: {slot: team, where: "cn == 'staff'"},
     when: "hr.status == 'active'", mode: authoritative}
  - {id: welcome, kind: event, when: "hr.title == 'chief'",
     do: {webhook: "https://hooks.example.org/welcome"}}
"""
NUMBERS = range(1, 5)
TITLES = st.sampled_from([None, "clerk", "chief"])
PERSON = st.tuples(st.sampled_from(["active", "left", "gone"]), TITLES)
ACCOUNT = st.none() | st.tuples(st.sampled_from(["true", "false", "odd"]), TITLES, st.booleans())
FOUR_PEOPLE = st.lists(PERSON, min_size=4, max_size=4)
FOUR_ACCOUNTS = st.lists(ACCOUNT, min_size=4, max_size=4)
TOUCHED = st.sets(st.sampled_from(NUMBERS))
OTHERS = tuple(f"x{number}" for number in range(30))


def directory(world):
    """Every account and group as it is."""
    return {
        key: version.attributes
        for key, version in world.dir._versions.items()
        if version.attributes is not None
    }


def settled(world, people, accounts):
    """HR and a directory that nobody synchronised yet."""
    for number, (status, title) in zip(NUMBERS, people, strict=True):
        world.person(number, status=status, title=title)
    members = []
    for number, account in zip(NUMBERS, accounts, strict=True):
        if account is not None:
            active, title, is_member = account
            world.account(number, active=active, title=title)
            members += [f"u{number}"] * is_member
    world.group("staff", *members, *OTHERS)
    world.scan()


@settings(max_examples=25)
@given(people=FOUR_PEOPLE, accounts=FOUR_ACCOUNTS, touched=TOUCHED, is_seen=st.booleans())
def test_undoing_a_run_leaves_the_directory_as_it_was(people, accounts, touched, is_seen):
    with TemporaryDirectory() as folder:
        world = World(Path(folder), RULES)
        settled(world, people, accounts)
        before = directory(world)
        run = world.sync("full")
        touched = {each for each in touched if ("account", f"u{each}") in before}
        touched -= {each for each in touched if world.get(each) is None}
        for number in touched:
            world.dir.put("account", f"u{number}", {**world.get(number), "title": "by hand"})
        if is_seen:
            world.scan()

        done, undone = world.app.undo(run.id, commit=True)

        after = directory(world)
        mine = {("account", f"u{number}") for number in touched}
        assert without(after, mine) == without(before, mine)
        assert all(after[key]["title"] == "by hand" for key in mine)
        calls = {each.id for each in world.actions(run) if each.operation is Operation.EVENT}
        left = {action.id for action, _ in undone.cannot}
        assert calls <= left
        counts = done.counts
        assert counts.succeeded + counts.conflict + len(left) == run.counts.succeeded
        if is_seen:
            assert counts.conflict == 0
        if not touched:
            assert left == calls
        assert redone(world) == set()
        world.close()


def without(directory, keys):
    return {key: value for key, value in directory.items() if key not in keys}


def redone(world):
    """What the rules do at once to what was undone: nothing."""
    world.later(hours=1)
    world.scan()
    run = world.sync("full")
    undone = {
        (each.rule.removeprefix("undo:"), each.identity)
        for each in everything(world)
        if each.undoes is not None and each.state is ActionState.SUCCEEDED
    }
    return undone & {(each.rule, each.identity) for each in world.actions(run)}


def everything(world):
    with world.app.store.snapshot() as unit:
        return [each for run in unit.runs.recent(100) for each in unit.actions.of_run(run.id)]
