"""Unlock keys in runs: what is in force lets limits stand, and nothing else does.

The directory is large by its groups (12 000), and has 40 accounts: the ceiling is two of them.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypersync.errors import UnlockRefused, UsageError
from hypersync.model.ids import new_public_id
from hypersync.model.unlock import Lock
from hypersync.pipeline.unlock import UnlockState, apply_key, in_force, revoke_key, unlocks
from tests.postgresql import both_databases
from tests.unlocking import HERE, OTHER_PEM, OTHER_PUBLIC, PUBLIC, claims, signed
from tests.worlds import START, TITLES, World

RULES = """\
ruleset: leavers
rules:
  - {id: disable-leaver, kind: deprovision, target: account, throttle: 1s,
     when: "hr.status == 'left' and account.enabled", do: disable, threshold: {limit: 10%}}
"""
MORE = 'installation: example-test\nunlock: {public_key: "%s"}'


@pytest.fixture
def large(tmp_path, database_url):
    """Forty accounts in a large silo, whose leavers may be 10 % (four) but for the ceiling."""
    world = World(tmp_path, RULES, more=MORE % PUBLIC, database=database_url)
    world.people(range(40))
    world.group("everybody")
    world.scan()
    grow(world)
    world.sync("full")
    yield world
    world.close()


def grow(world, by=12_000):
    with world.app.store.begin() as unit:
        group = next(each for each in unit.scans.types() if each.name == "group")
        unit.scans.raise_live(group.id, by)


def apply(world, text, by="person:ann"):
    return apply_key(world.app.store, text, world.app.engine.lock, by=by, now=world.clock.now())


def revoke(world, unlock, reason="the move is over"):
    lock, now = world.app.engine.lock, world.clock.now()
    return revoke_key(world.app.store, unlock, reason, lock, by="person:ann", now=now)


def states(world):
    with world.app.store.snapshot() as unit:
        keys = unlocks(unit, world.app.engine.lock, world.clock.now()).keys
    return [each.state for each in keys]


def events(world, kind):
    with world.app.store.snapshot() as unit:
        return [each for each in reversed(unit.events.recent(1000)) if each.kind == kind]


def ceiling_errors(world, run):
    return [each.message for each in world.errors(run) if "ceiling" in each.message]


def leave_and_sync(world, *numbers, commit=True):
    world.leave(*numbers)
    return world.run("full", commit=commit)


# --- in force ----------------------------------------------------------------------------------


def test_without_a_key_a_limit_above_the_ceiling_is_reduced_in_every_run(large):
    for _ in range(2):
        run = leave_and_sync(large, 1, 2, 3)
        (error,) = ceiling_errors(large, run)
        assert error.endswith("Lower it, or apply an unlock key")
    assert run.rules["disable-leaver"].limit == 2
    assert large.disabled() == set()


@both_databases
def test_a_key_in_force_lets_the_limit_stand_up_to_the_limit_and_no_further(large):
    said = claims()
    applied, is_new = apply(large, signed(said))
    assert (applied.state, is_new) == (UnlockState.IN_FORCE, True)
    run = leave_and_sync(large, 1, 2, 3, 4)
    assert large.errors(run) == []
    assert run.rules["disable-leaver"].limit == 4
    assert run.rules["disable-leaver"].limit_text == f"10% of 40, by the unlock key {said.id}"
    assert large.disabled() == {"u1", "u2", "u3", "u4"}
    run = leave_and_sync(large, 5, 6, 7, 8, 9)
    assert run.counts.suspended == 5


@both_databases
def test_every_run_that_used_a_key_says_so_in_an_event(large):
    said = claims()
    apply(large, signed(said))
    (applied,) = events(large, "unlock_applied")
    assert (applied.silo, applied.by) == ("dir", "person:ann")
    assert applied.data == {
        "unlock": said.id,
        "kind": "week",
        "reason": "the move to the new campus",
        "ends_at": "2026-03-09T08:00:00+00:00",
    }
    run = leave_and_sync(large, 1, 2, 3)
    leave_and_sync(large, commit=False)
    (used,) = events(large, "unlock_used")
    assert (used.run, used.rule, used.silo) == (run.id, "disable-leaver", "dir")
    assert used.data == {"unlock": said.id, "limit": "10% of 40"}


def test_a_key_whose_silo_has_no_limit_above_the_ceiling_is_not_used(large):
    large.rules(RULES.replace("10%", "5%"))
    apply(large, signed(claims()))
    leave_and_sync(large, 1)
    assert events(large, "unlock_used") == []


def test_a_key_for_another_silo_lets_nothing_stand(large):
    apply(large, signed(claims(silo="hr")))
    run = leave_and_sync(large, 1, 2, 3)
    assert len(ceiling_errors(large, run)) == 1
    assert large.disabled() == set()


def test_a_key_lifts_the_ceiling_and_not_what_clears_may_empty(large):
    rules = TITLES.replace("limit: 2", "limit: 100%, clears: 0").replace(
        "set: {title: hr.title}", "set: {title: hr.title}, clear_if_missing: [title]"
    )
    large.rules(rules)
    large.change(1, title="Clerk")
    apply(large, signed(claims()))
    assert large.run("full").counts.succeeded == 1
    large.change(1, title=None)
    run = large.run("full")
    assert run.counts.suspended == 1
    assert "becomes empty" in run.rules["flow-title"].reason


def test_a_key_applied_while_a_run_plans_changes_nothing_in_it(large):
    large.leave(1, 2, 3)
    large.scan()
    large.meanwhile.done.append(lambda: apply(large, signed(claims())))
    assert len(ceiling_errors(large, large.sync("full"))) == 1
    assert ceiling_errors(large, large.sync("full")) == []


# --- the end -----------------------------------------------------------------------------------


@both_databases
def test_a_key_that_expires_in_the_middle_of_a_week_clamps_again_and_says_so(large):
    said = claims("day")
    apply(large, signed(said))
    large.later(hours=23, minutes=58)
    assert ceiling_errors(large, leave_and_sync(large, 1, 2, 3)) == []
    large.later(minutes=1)
    run = leave_and_sync(large, 4, 5, 6)
    (error,) = ceiling_errors(large, run)
    assert error.endswith(f"the unlock key {said.id} expired at 2026-03-03 08:00:00 UTC")
    assert run.counts.suspended == 3
    assert len(large.disabled()) == 3
    assert states(large) == [UnlockState.EXPIRED]


def test_a_key_is_good_to_the_last_second_of_its_time(large):
    apply(large, signed(claims("week")))
    large.clock.time = START.replace(day=9, hour=7, minute=59, second=59)
    assert states(large) == [UnlockState.IN_FORCE]
    large.later(seconds=1)
    assert states(large) == [UnlockState.EXPIRED]


def test_a_permanent_key_has_no_end_but_its_revocation(large):
    apply(large, signed(claims("permanent")))
    large.later(days=4_000)
    assert states(large) == [UnlockState.IN_FORCE]


@both_databases
@pytest.mark.parametrize("who", ["tick", "run"])
def test_the_end_is_noted_once_by_whoever_sees_it_first(large, who):
    said = claims("day")
    apply(large, signed(said))
    large.later(days=2)
    assert events(large, "unlock_expired") == []
    for _ in range(2):
        large.tick() if who == "tick" else large.sync("delta")
    (noted,) = events(large, "unlock_expired")
    assert (noted.silo, noted.data["unlock"]) == ("dir", said.id)


def test_a_preview_notes_nothing(large):
    apply(large, signed(claims("day")))
    large.later(days=2)
    assert ceiling_errors(large, leave_and_sync(large, 1, commit=False)) != []
    assert events(large, "unlock_expired") == []


def test_an_expired_key_stays_expired_when_the_clock_is_set_back(large):
    said = claims("day")
    apply(large, signed(said))
    large.later(days=2)
    large.tick()
    large.later(days=-2, minutes=5)
    assert states(large) == [UnlockState.EXPIRED]
    assert len(ceiling_errors(large, leave_and_sync(large, 1, 2, 3))) == 1
    with pytest.raises(UnlockRefused, match="expired at"):
        apply(large, signed(said))


def test_a_clock_set_back_a_day_takes_a_key_out_of_force(large):
    said = claims("permanent")
    apply(large, signed(said))
    large.later(days=-1)
    run = leave_and_sync(large, 1, 2, 3)
    (error,) = ceiling_errors(large, run)
    assert f"the unlock key {said.id} is void: it was issued at 2026-03-02 08:00:00 UTC" in error
    assert large.disabled() == set()
    with pytest.raises(UnlockRefused, match="still to come"):
        apply(large, signed(claims()))


@both_databases
def test_a_revoked_key_never_comes_back(large):
    said = claims("permanent")
    text = signed(said)
    apply(large, text)
    found, is_new = revoke(large, said.id)
    assert (found.state, is_new) == (UnlockState.REVOKED, True)
    (event,) = events(large, "unlock_revoked")
    assert (event.silo, event.data["reason"]) == ("dir", "the move is over")
    (error,) = ceiling_errors(large, leave_and_sync(large, 1, 2, 3))
    assert error.endswith(f"the unlock key {said.id} was revoked at 2026-03-02 08:00:00 UTC")
    with pytest.raises(UnlockRefused, match="never comes into force again"):
        apply(large, text)
    assert revoke(large, said.id, "again")[1] is False
    assert states(large) == [UnlockState.REVOKED]
    assert len(events(large, "unlock_revoked")) == 1


@both_databases
def test_a_key_that_was_revoked_before_it_came_is_refused(large):
    said = claims()
    found, is_new = revoke(large, said.id)
    assert (found.claims, is_new) == (None, True)
    with pytest.raises(UnlockRefused, match="was revoked"):
        apply(large, signed(said))
    assert events(large, "unlock_applied") == []


def test_only_the_latest_key_is_named_and_another_that_is_good_counts(large):
    first, second = claims("day"), claims("permanent")
    apply(large, signed(second))
    apply(large, signed(first))
    run = leave_and_sync(large, 1, 2, 3)
    assert run.rules["disable-leaver"].limit_text.endswith(second.id)
    revoke(large, second.id)
    assert large.run("full").rules["disable-leaver"].limit_text.endswith(first.id)


# --- what is refused ---------------------------------------------------------------------------


@both_databases
def test_the_same_key_again_is_fine_and_no_second_event(large):
    text = signed(claims())
    apply(large, text)
    assert apply(large, text)[1] is False
    assert len(events(large, "unlock_applied")) == 1


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"installation": "example-prod"}, "is for the installation 'example-prod'"),
        ({"silo": "ad"}, "is for the silo 'ad', which is not here"),
        ({"kind": "day", "issued_at": START.replace(day=1)}, "expired at 2026-03-02 08:00:00"),
        ({"issued_at": START.replace(hour=9)}, "is not good yet"),
    ],
)
def test_a_key_that_does_not_fit_is_refused_and_nothing_is_kept(large, wrong, why):
    with pytest.raises(UnlockRefused, match=why):
        apply(large, signed(claims(**wrong)))
    assert large.rows("unlock_key") == []
    assert events(large, "unlock_applied") == []


def test_a_key_of_another_pair_is_refused(large):
    with pytest.raises(UnlockRefused, match="signature"):
        apply(large, signed(claims(), OTHER_PEM))


@pytest.mark.parametrize("unlock", ["", "x", "A" * 23, "é" * 22])
def test_what_is_no_id_cannot_be_revoked(large, unlock):
    with pytest.raises(UsageError, match="no id"):
        revoke(large, unlock)


@pytest.mark.parametrize("reason", ["", " ", "two\nlines", "x" * 201])
def test_revoking_takes_a_reason_of_one_line(large, reason):
    with pytest.raises(UsageError, match="reason"):
        revoke(large, new_public_id(), reason)
    assert large.rows("unlock_key") == []


# --- what is stored is believed for nothing but its signed text ---------------------------------


def tampered(large, statement, *values):
    apply(large, signed(claims("day")))
    large.execute(statement, *values)
    run = leave_and_sync(large, 1, 2, 3)
    assert large.disabled() == set()
    return ceiling_errors(large, run)[0]


def test_a_stored_key_whose_text_was_edited_is_void(large):
    error = tampered(large, "UPDATE unlock_key SET text = replace(text, 'e', 'f')")
    assert error.endswith("Lower it, or apply an unlock key")


def test_a_stored_key_under_the_id_of_another_is_void(large):
    assert "is the key" in tampered(large, "UPDATE unlock_key SET id = ?", new_public_id())


def test_a_stored_key_without_its_text_is_void(large):
    tampered(large, "UPDATE unlock_key SET text = NULL")
    assert states(large) == [UnlockState.VOID]


def test_applying_a_key_again_does_not_mend_what_was_edited(large):
    text = signed(claims())
    apply(large, text)
    large.execute("UPDATE unlock_key SET text = replace(text, 'e', 'f')")
    with pytest.raises(UnlockRefused, match="is void: "):
        apply(large, text)


def test_other_words_beside_a_stored_key_make_it_good_for_nothing_else(large):
    large.people(range(40, 42))
    apply(large, signed(claims(silo="hr")))
    large.execute("UPDATE unlock_key SET silo = 'dir'")
    assert len(ceiling_errors(large, leave_and_sync(large, 1, 2, 3))) == 1


@pytest.mark.parametrize(
    "more",
    [
        MORE % OTHER_PUBLIC,
        "installation: example-test",
        MORE.replace("example-test", "example-prod") % PUBLIC,
    ],
)
def test_a_key_is_void_under_another_configuration(large, more):
    apply(large, signed(claims("permanent")))
    large.rules(RULES, more=more)
    run = leave_and_sync(large, 1, 2, 3)
    assert "is void: " in ceiling_errors(large, run)[0]
    assert large.disabled() == set()
    with large.app.store.snapshot() as unit:
        assert in_force(unit, large.app.engine.lock, large.clock.now()) == []


def test_a_key_of_a_silo_that_is_gone_is_void(large):
    apply(large, signed(claims()))
    lock = Lock(installation=HERE, silos=frozenset({"hr"}), public_key=PUBLIC)
    with large.app.store.snapshot() as unit:
        (key,) = unlocks(unit, lock, large.clock.now()).keys
    assert key.state is UnlockState.VOID
    assert "which is not here" in key.problem


# --- a raise for one run -----------------------------------------------------------------------


@pytest.fixture
def admin(large):
    """The same, started by who owns the configuration."""
    small = RULES.replace("limit: 10%", "limit: 1")
    large.rules(small)
    settings = replace(large.app.settings, owner="tester")
    large.app = replace(large.app, settings=settings)
    return large


@both_databases
def test_a_raise_holds_for_one_run_and_leaves_its_reason_and_an_event(admin):
    admin.leave(1, 2)
    admin.scan()
    raised = {"raises": {"disable-leaver": 2}, "reason": "two leave together"}
    run = admin.sync("full", **raised)
    assert run.rules["disable-leaver"].limit == 2
    assert admin.disabled() == {"u1", "u2"}
    with admin.app.store.snapshot() as unit:
        assert unit.runs.get(run.id).reason == "two leave together"
    (event,) = events(admin, "limit_raised")
    assert (event.run, event.rule, event.by) == (run.id, "disable-leaver", "cli:tester")
    assert event.data == {"limit": 2, "reason": "two leave together"}
    run = leave_and_sync(admin, 3, 4)
    assert (run.rules["disable-leaver"].limit, run.counts.suspended) == (1, 2)


def test_a_raise_above_the_ceiling_is_reduced_with_an_error(admin):
    admin.leave(1, 2, 3)
    admin.scan()
    run = admin.sync("full", raises={"disable-leaver": 30}, reason="all of them")
    assert run.rules["disable-leaver"].limit == 2
    assert len(ceiling_errors(admin, run)) == 1
    assert admin.disabled() == set()


def test_a_raise_above_the_ceiling_stands_with_a_key_in_force(admin):
    apply(admin, signed(claims()))
    admin.leave(1, 2, 3)
    admin.scan()
    run = admin.sync("full", raises={"disable-leaver": 3}, reason="all of them")
    assert len(admin.disabled()) == 3
    (used,) = events(admin, "unlock_used")
    assert (used.run, used.data["limit"]) == (run.id, "3")


def test_a_raise_to_zero_asks_about_everything(admin):
    admin.leave(1)
    admin.scan()
    run = admin.sync("full", raises={"disable-leaver": 0}, reason="look closely")
    assert run.counts.suspended == 1


def test_a_raise_lets_no_vip_through(admin):
    admin.rules(
        RULES.replace("limit: 10%", "limit: 1"),
        more=admin.more + "\nvip: [{name: executives, when: \"hr.level == 'C'\"}]",
    )
    admin.app = replace(admin.app, settings=replace(admin.app.settings, owner="tester"))
    admin.change(1, level="C")
    admin.change(2, level="B")
    admin.leave(1, 2)
    admin.scan()
    run = admin.sync("full", raises={"disable-leaver": 2}, reason="two leave together")
    assert admin.disabled() == {"u2"}
    assert run.counts.suspended == 1


def test_anybody_may_preview_a_raise_and_only_an_administrator_commits_one(large):
    from hypersync.errors import DecisionRefused

    large.leave(1)
    large.scan()
    raised = {"raises": {"disable-leaver": 2}, "reason": "to see"}
    before = large.tables()
    run = large.sync("full", commit=False, **raised)
    assert run.rules["disable-leaver"].limit == 2
    assert events(large, "limit_raised") == []
    with pytest.raises(DecisionRefused, match="may raise a limit"):
        large.sync("full", commit=True, **raised)
    assert large.rows("object") == before["object"]
    assert large.disabled() == set()


@pytest.mark.parametrize(
    ("raises", "reason", "why"),
    [
        ({"disable-leavers": 2}, "why", "did you mean 'disable-leaver'"),
        ({"disable-leaver": -1}, "why", "below zero"),
        ({"disable-leaver": 2}, None, "takes a --reason"),
        ({"disable-leaver": 2}, " ", "takes a --reason"),
        ({"disable-leaver": 2}, "two\nlines", "takes a --reason"),
    ],
)
def test_a_raise_that_cannot_be_is_refused_before_anything_runs(admin, raises, reason, why):
    runs = admin.rows("run")
    for commit in (True, False):
        with pytest.raises(UsageError, match=why):
            admin.sync("full", commit=commit, raises=raises, reason=reason)
    assert admin.rows("run") == runs
