import json
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from hypersync.errors import PlanFileRefused
from hypersync.model.actions import Reason
from hypersync.model.ids import IdentityId, RunId
from hypersync.model.objects import Operation
from hypersync.model.plan_file import (
    Basis,
    PlanHeader,
    PlannedAction,
    Signature,
    Verdict,
    check_home,
    count,
    signed_message,
    trusted,
)
from hypersync.model.plan_lines import LONGEST_LINE, end_line, plan_lines, read_plan
from hypersync.model.runs import RunKind
from hypersync.model.signing import load_private, new_key, sign

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def planned(number, **values):
    known = {
        "rule": "flow-title",
        "identity": IdentityId(number),
        "key": f"flow-title|{number}|{number}",
        "title": f"Person {number}",
        "silo": "dir",
        "type": "account",
        "anchor": f"u{number}",
        "operation": Operation.UPDATE,
        "before": {"title": None},
        "after": {"title": "Engineer"},
        "once": {},
        "fingerprint": f"{number:040x}",
        "verdict": Verdict.QUEUED,
        "reasons": (),
    }
    return PlannedAction(**{**known, **values})


ACTIONS = (
    planned(1),
    planned(
        2,
        rule="provision",
        operation=Operation.CREATE,
        before=None,
        after={"photo": b"\x00\xff", "mail": ("a@x", "b@x"), "café": "é\u2028"},
        once={"uid": "u2", "level": 3, "share": 0.5, "on": True},
        verdict=Verdict.SUSPENDED,
        reasons=(Reason("threshold", "limit", "3 actions, 2 allowed"),),
    ),
    planned(3, silo="", type="", anchor=None, before=None, verdict=Verdict.THROTTLED),
)


def header(actions=ACTIONS, **values):
    known = {
        "version": "0.1.0",
        "installation": "example-prod",
        "environment": "prod",
        "run": RunId("r" * 22),
        "kind": RunKind.FULL,
        "object_key": None,
        "made_at": AT,
        "made_by": "cli:ann",
        "revision": "0" * 32,
        "scans": (Basis(silo="hr", types=("person",), scan="s1", at=AT),),
        "counts": count(actions),
        "raises": {"flow-title": 7},
        "reason": "the merger",
    }
    return PlanHeader(**{**known, **values})


def written(actions=ACTIONS, **values):
    return list(plan_lines(header(actions, **values), actions))


def signed(lines, *pems):
    digest = json.loads(lines[-1])["hash"]
    signatures = []
    for pem, public in pems:
        signatures.append(Signature(public, sign(load_private(pem), signed_message(digest))))
    return [*lines[:-1], end_line(digest, signatures)]


def resealed(lines):
    """As somebody would write it who knows the format and has no key."""
    digest = sha256(b"".join(lines[:-1])).hexdigest()
    return [*lines[:-1], end_line(digest, ())]


def test_what_was_written_reads_back_the_same():
    plan = read_plan(written())
    assert plan.header == header()
    assert plan.actions == ACTIONS
    assert plan.signatures == ()


def test_a_plan_without_actions_reads_back_too():
    assert read_plan(written(())).actions == ()


def test_an_object_and_its_kind_read_back():
    key = ("hr", "person", "e/1")
    plan = read_plan(written(kind=RunKind.OBJECT, object_key=key))
    assert (plan.header.kind, plan.header.object_key) == (RunKind.OBJECT, key)


def test_the_hash_is_the_sha256_of_all_lines_before_the_last():
    lines = written()
    assert read_plan(lines).hash == sha256(b"".join(lines[:-1])).hexdigest()


def test_the_counts_are_by_verdict_rule_operation_and_attribute():
    counts = count(ACTIONS)
    assert counts.actions == 3
    assert counts.verdicts == {"queued": 1, "suspended": 1, "throttled": 1}
    assert counts.rules == {"flow-title": 2, "provision": 1}
    assert counts.operations == {"update": 2, "create": 1}
    assert counts.attributes["dir/account/title"] == 1
    assert counts.attributes["dir/account/uid"] == 1


@pytest.mark.parametrize("is_signed", [False, True])
def test_each_edited_byte_is_refused(is_signed):
    lines = written()
    whole = b"".join(signed(lines, new_key()) if is_signed else lines)
    for at in range(len(whole)):
        for change in (1, 0x20, 0x80):
            edited = bytearray(whole)
            edited[at] ^= change
            with pytest.raises(PlanFileRefused):
                read_plan(bytes(edited).splitlines(keepends=True))


def test_each_missing_and_each_added_byte_is_refused():
    whole = b"".join(written())
    for at in range(len(whole)):
        with pytest.raises(PlanFileRefused):
            read_plan((whole[:at] + whole[at + 1 :]).splitlines(keepends=True))
        with pytest.raises(PlanFileRefused):
            read_plan((whole[:at] + b" " + whole[at:]).splitlines(keepends=True))


def test_each_cut_is_refused():
    whole = b"".join(written())
    for at in range(len(whole)):
        with pytest.raises(PlanFileRefused):
            read_plan(whole[:at].splitlines(keepends=True))


@pytest.mark.parametrize(
    "pick",
    [
        (0, 2, 1, 3, 4),
        (0, 1, 1, 2, 3, 4),
        (0, 1, 3, 4),
        (1, 2, 3, 4),
        (0, 1, 2, 3),
        (0, 4, 1, 2, 3),
    ],
    ids=["reordered", "doubled", "dropped", "no first", "no last", "last too early"],
)
def test_lines_moved_doubled_or_dropped_are_refused(pick):
    lines = written()
    with pytest.raises(PlanFileRefused):
        read_plan([lines[at] for at in pick])


@pytest.mark.parametrize("pick", [(0, 1, 1, 2, 3, 4), (0, 1, 3, 4)])
def test_a_new_hash_over_other_actions_does_not_hide_that_the_counts_differ(pick):
    lines = written()
    with pytest.raises(PlanFileRefused, match="counts"):
        read_plan(resealed([lines[at] for at in pick]))


def test_one_action_may_stand_in_a_plan_once_only():
    twice = (ACTIONS[0], ACTIONS[0])
    with pytest.raises(PlanFileRefused, match="one action twice"):
        read_plan(written(twice))


def test_a_line_in_another_form_is_refused_even_under_a_right_hash():
    lines = written()
    spaced = json.dumps(json.loads(lines[1])).encode() + b"\n"
    with pytest.raises(PlanFileRefused, match="line 2 is not as HyperSync writes it"):
        read_plan(resealed([lines[0], spaced, *lines[2:]]))


def test_the_line_that_is_no_json_is_named():
    lines = written()
    with pytest.raises(PlanFileRefused, match="line 3") as refused:
        read_plan([*lines[:2], b"oops\n", *lines[3:]])
    assert refused.value.line == 3


def test_what_comes_after_the_end_is_refused():
    with pytest.raises(PlanFileRefused, match="line 6 comes after the end"):
        read_plan([*written(), b"\n"])


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b""],
        [b"\n"],
        [b"\xff\xfe\x00\n"],
        [b"id,name\n", b"1,Ann\n"],
        [b"[" * 100_000 + b"\n"],
        [b"{}\n"],
        [b'{"format":"1"}\n'],
    ],
)
def test_what_is_no_plan_file_is_one_clear_error(lines):
    with pytest.raises(PlanFileRefused, match=r"no plan file|is empty"):
        read_plan(lines)


def test_a_newer_format_is_said():
    lines = [b'{"format":2,"unheard":"of"}\n', *written()[1:]]
    with pytest.raises(PlanFileRefused, match="has format 2, this HyperSync reads 1"):
        read_plan(lines)


def test_a_huge_line_is_refused_before_it_is_read_as_json():
    lines = written()
    huge = b'{"after":"' + b"x" * LONGEST_LINE + b'"}\n'
    with pytest.raises(PlanFileRefused, match="line 2 is longer than"):
        read_plan([lines[0], huge, *lines[2:]])


def test_line_ends_that_a_transfer_changed_are_refused():
    lines = [line.replace(b"\n", b"\r\n") for line in written()]
    with pytest.raises(PlanFileRefused, match="line 1 is not as HyperSync writes it"):
        read_plan(lines)


# --- signatures --------------------------------------------------------------------------------


def test_a_signed_plan_reads_back_with_who_signed():
    ann, ben = new_key(), new_key()
    plan = read_plan(signed(written(), ann, ben))
    assert [each.key for each in plan.signatures] == [ann[1], ben[1]]


def test_a_signature_of_another_plan_is_refused():
    ann = new_key()
    other = signed(written(reason="another"), ann)
    moved = json.loads(other[-1])["signatures"][0]["signature"]
    lines = signed(written(), ann)
    mine = json.loads(lines[-1])["signatures"][0]["signature"]
    lines[-1] = lines[-1].replace(mine.encode(), moved.encode())
    with pytest.raises(PlanFileRefused, match=r"signature of .* is wrong"):
        read_plan(lines)


def test_one_key_signs_once():
    ann = new_key()
    with pytest.raises(PlanFileRefused, match="signed twice"):
        read_plan(signed(written(), ann, ann))


def test_a_plan_is_trusted_by_the_keys_that_are_known():
    ann, ben = new_key(), new_key()
    plan = read_plan(signed(written(), ann, ben))
    reviewed = trusted(plan, [ben[1]], is_required=True)
    assert reviewed.signed_by == (ben[1],)
    assert (reviewed.header, reviewed.actions, reviewed.hash) == (
        plan.header,
        plan.actions,
        plan.hash,
    )


def test_an_unsigned_plan_will_do_where_no_signature_is_required():
    assert trusted(read_plan(written()), [new_key()[1]], is_required=False).signed_by == ()


def test_an_unsigned_plan_is_refused_where_a_signature_is_required():
    with pytest.raises(PlanFileRefused, match="it is not signed"):
        trusted(read_plan(written()), [new_key()[1]], is_required=True)


@pytest.mark.parametrize("is_required", [False, True])
def test_a_plan_that_only_strangers_signed_is_refused(is_required):
    plan = read_plan(signed(written(), new_key()))
    with pytest.raises(PlanFileRefused, match="not trusted here"):
        trusted(plan, [new_key()[1]], is_required=is_required)


def test_without_any_known_key_a_signature_proves_nothing():
    plan = read_plan(signed(written(), new_key()))
    assert trusted(plan, [], is_required=False).signed_by == ()
    with pytest.raises(PlanFileRefused, match="has to be signed"):
        trusted(plan, [], is_required=True)


def test_a_plan_is_at_home_where_it_was_made():
    check_home(header(), "example-prod", "prod")
    for installation, environment in (("example-prod", "dev"), ("other", "prod")):
        with pytest.raises(PlanFileRefused, match=r"made for example-prod \(prod\), this is"):
            check_home(header(), installation, environment)


def test_the_plan_of_an_undo_is_not_applied():
    with pytest.raises(PlanFileRefused, match="undo"):
        check_home(header(kind=RunKind.UNDO), "example-prod", "prod")


def test_any_difference_in_what_is_done_makes_another_change():
    one = planned(1)
    for values in (
        {"rule": "other"},
        {"anchor": "u2"},
        {"operation": Operation.ENABLE},
        {"before": {"title": ""}},
        {"after": {"title": "engineer"}},
        {"after": {"title": ("Engineer",)}},
        {"once": {"uid": "u1"}},
        {"fingerprint": "f" * 40},
    ):
        assert replace(one, **values).change() != one.change(), values
    assert replace(one, after={"title": True}).change() != replace(one, after={"title": 1}).change()


def test_how_somebody_is_called_is_no_part_of_the_change():
    assert replace(planned(1), title="Ann B.").change() == planned(1).change()
