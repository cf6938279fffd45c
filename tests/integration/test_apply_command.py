"""`sync --out` and `apply`: two people, a file between them."""

from __future__ import annotations

import json
import stat

import pytest

from hypersync import cli
from hypersync.cli.frame import Exit
from hypersync.model.signing import load_private, new_key, public_text
from tests.living import KEY, MAIN, make_project, people, users

ANN, BEN, STRANGER = new_key(), new_key(), new_key()
SIGNED = 'plan_files: {{public_keys: ["{0}", "{1}"], require_signature: {2}}}\n'


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Four people, two of them with a new title; nothing is scanned yet."""
    for name, value in KEY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HYPERSYNC_KEY_PASSPHRASE", raising=False)
    made = make_project(tmp_path / "project")
    made.write_hr([*people(2, title="Chief"), *people(4)[2:]])
    made.write_users(users(4))
    monkeypatch.setenv("HYPERSYNC_CONFIG", str(made.folder / "config" / "hypersync.yaml"))
    return made


@pytest.fixture
def plan(tmp_path):
    return tmp_path / "plan.jsonl"


def configure(project, more):
    (project.folder / "config" / "hypersync.yaml").write_text(MAIN + more, encoding="utf-8")


def require(project, *keys, required=True):
    configure(project, SIGNED.format(*[public for _, public in keys], str(required).lower()))


def key_file(folder, key):
    file = folder / f"{key[1][-6:]}.pem"
    file.write_bytes(key[0])
    return str(file)


def call(capsys, *arguments):
    """Exit code, the JSON document, and what standard error says."""
    capsys.readouterr()
    code = cli.invoke([*map(str, arguments), "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


def failed(capsys, *arguments, code=Exit.USAGE):
    ended, document, _ = call(capsys, *arguments)
    assert ended == code, document
    return document["error"]


def stored(capsys, plan, *more):
    code, document, _ = call(capsys, "sync", "--scan", "--out", plan, *more)
    assert code == Exit.DONE
    return document


def titles(project):
    return [row["title"] for row in project.rows().values()]


# --- the whole way -------------------------------------------------------------------------------


def test_one_person_plans_and_another_carries_it_out(project, plan, capsys):
    made = stored(capsys, plan)
    assert titles(project) == ["Clerk"] * 4
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    assert made["plan"]["file"] == str(plan)
    assert made["plan"]["counts"]["rules"] == {"flow-title": 2}
    code, done, _ = call(capsys, "apply", plan)
    assert (code, done["mode"], done["counts"]["succeeded"]) == (Exit.DONE, "commit", 2)
    assert done["plan"]["hash"] == made["plan"]["hash"]
    assert done["plan"]["run"] == made["run"]
    assert done["plan"]["signed_by"] == []
    assert titles(project) == ["Chief", "Chief", "Clerk", "Clerk"]


def test_people_read_what_the_plan_holds(project, plan, capsys):
    stored(capsys, plan)
    assert cli.invoke(["apply", str(plan), "--check"]) == Exit.DONE
    said = capsys.readouterr().out
    assert "2 actions: 2 queued" in said
    assert "flow-title: 2" in said
    assert "preview, nothing was changed" in said
    assert titles(project) == ["Clerk"] * 4


def test_a_plan_that_moved_says_what_and_does_nothing(project, plan, capsys):
    stored(capsys, plan)
    project.write_hr([*people(1, title="Boss"), *people(4)[1:]])
    call(capsys, "scan")
    error = failed(capsys, "apply", plan, code=Exit.FAILED)
    assert error["code"] == "plan_moved"
    assert "title would become Boss, the plan had Chief" in error["message"]
    assert "(app/user/uE001), flow-title: flow-title no longer wants" in error["message"]
    assert titles(project) == ["Clerk"] * 4
    code, document, _ = call(capsys, "sync", "--commit")
    assert (code, document["counts"]["succeeded"]) == (Exit.DONE, 1)


def test_a_plan_may_be_compared_with_the_silos_as_they_are_now(project, plan, capsys):
    stored(capsys, plan)
    code, document, _ = call(capsys, "apply", plan, "--check", "--scan")
    assert (code, document["scans"]) == (Exit.DONE, ["hr: applied", "app: applied"])
    project.write_users([("uE000", "E000", "Baker", "yes"), *users(4)[1:]])
    error = failed(capsys, "apply", plan, "--scan", code=Exit.FAILED)
    assert "title is now Baker, the plan had Clerk" in error["message"]
    assert titles(project) == ["Baker", "Clerk", "Clerk", "Clerk"]


def test_a_silo_that_cannot_be_scanned_is_said_and_does_not_stop_the_plan(project, plan, capsys):
    stored(capsys, plan)
    (project.folder / "data" / "hr.csv").unlink()
    code, document, _ = call(capsys, "apply", plan, "--scan")
    assert (code, document["scans"][0]) == (Exit.WITH_ERRORS, "hr: failed")
    assert document["counts"]["succeeded"] == 2


def test_a_plan_is_applied_once(project, plan, capsys):
    stored(capsys, plan)
    _, done, _ = call(capsys, "apply", plan)
    error = failed(capsys, "apply", plan, code=Exit.FAILED)
    assert f"applied already, by run {done['run']}" in error["message"]


def test_the_checked_plan_may_be_applied_afterwards(project, plan, capsys):
    stored(capsys, plan)
    code, document, _ = call(capsys, "apply", plan, "--check")
    assert (code, document["mode"]) == (Exit.DONE, "preview")
    assert call(capsys, "apply", plan)[0] == Exit.DONE


# --- storing -------------------------------------------------------------------------------------


def test_a_plan_is_stored_by_a_preview_only(project, plan, capsys):
    error = failed(capsys, "sync", "--commit", "--out", plan)
    assert f"hypersync apply {plan}" in error["message"]
    assert "--out FILE" in failed(capsys, "sync", "--sign", plan)["message"]
    assert not plan.exists()


def test_a_plan_that_cannot_be_stored_is_said_before_anything_runs(project, tmp_path, capsys):
    nowhere = tmp_path / "no folder" / "plan.jsonl"
    assert "cannot write" in failed(capsys, "sync", "--scan", "--out", nowhere)["message"]
    failed(capsys, "sync", "--out", tmp_path)
    assert call(capsys, "history")[1]["runs"] == []


def test_a_newer_plan_takes_the_place_of_the_file_whole(project, plan, capsys):
    plan.write_text("x" * 100_000)
    stored(capsys, plan)
    assert call(capsys, "apply", plan, "--check")[0] == Exit.DONE
    assert [each.name for each in plan.parent.iterdir() if "plan" in each.name] == [plan.name]


def test_a_sync_that_fails_leaves_no_file(project, plan, capsys):
    failed(capsys, "sync", "--object", "hr/person/nobody", "--out", plan, code=Exit.FAILED)
    assert [each.name for each in plan.parent.iterdir() if "plan" in each.name] == []


# --- what is no plan -----------------------------------------------------------------------------


def test_one_edited_byte_is_refused_with_file_and_line(project, plan, capsys):
    stored(capsys, plan)
    plan.write_bytes(plan.read_bytes().replace(b"Chief", b"Chie_", 1))
    error = failed(capsys, "apply", plan)
    assert (error["code"], error["file"]) == ("plan_file", str(plan))
    assert "was changed" in error["message"]
    lines = plan.read_bytes().splitlines(keepends=True)
    plan.write_bytes(lines[0] + b"{" + b"".join(lines[1:]))
    error = failed(capsys, "apply", plan)
    assert (error["line"], "line 2" in error["message"]) == (2, True)
    assert titles(project) == ["Clerk"] * 4


@pytest.mark.parametrize("content", [b"", b"id,name\n", b"\x00" * 100, b"{}", b"[]\n"])
def test_what_is_no_plan_file_is_one_clear_error(project, plan, capsys, content):
    plan.write_bytes(content)
    error = failed(capsys, "apply", plan)
    assert (error["code"], error["line"]) == ("plan_file", 1)


def test_a_plan_file_that_is_not_there_is_said(project, plan, capsys):
    assert "cannot read" in failed(capsys, "apply", plan)["message"]


def test_the_plan_of_another_installation_is_refused(project, plan, capsys):
    stored(capsys, plan)
    configure(project, "installation: other\n")
    message = failed(capsys, "apply", plan)["message"]
    assert "the plan was made for hypersync (dev), this is other (dev)" in message


# --- signatures ----------------------------------------------------------------------------------


def test_the_reviewer_signs_what_somebody_else_planned(project, plan, tmp_path, capsys):
    require(project, ANN, BEN)
    stored(capsys, plan)
    assert "it is not signed" in failed(capsys, "apply", plan)["message"]
    code, signed, _ = call(capsys, "apply", plan, "--sign", key_file(tmp_path, BEN))
    assert (code, signed["plan"]["signed_by"]) == (Exit.DONE, [BEN[1]])
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    assert titles(project) == ["Clerk"] * 4
    code, done, _ = call(capsys, "apply", plan)
    assert (code, done["plan"]["signed_by"]) == (Exit.DONE, [BEN[1]])
    assert titles(project) == ["Chief", "Chief", "Clerk", "Clerk"]


def test_whoever_plans_may_sign_and_the_reviewer_as_well(project, plan, tmp_path, capsys):
    require(project, ANN, BEN)
    made = stored(capsys, plan, "--sign", key_file(tmp_path, ANN))
    assert made["plan"]["signed_by"] == [ANN[1]]
    for _ in range(2):
        call(capsys, "apply", plan, "--sign", key_file(tmp_path, BEN))
    _, done, _ = call(capsys, "apply", plan, "--check", "--verify")
    assert done["plan"]["signed_by"] == [ANN[1], BEN[1]]
    only_ben = call(capsys, "apply", plan, "--verify", BEN[1])[1]
    assert only_ben["plan"]["signed_by"] == [BEN[1]]


def test_signing_needs_no_project(plan, project, tmp_path, capsys, monkeypatch):
    stored(capsys, plan)
    monkeypatch.delenv("HYPERSYNC_CONFIG")
    monkeypatch.chdir(tmp_path)
    assert call(capsys, "apply", plan, "--sign", key_file(tmp_path, ANN))[0] == Exit.DONE


def test_a_protected_key_signs_with_its_passphrase(project, plan, tmp_path, capsys, monkeypatch):
    key = new_key(b"long and dull")
    stored(capsys, plan)
    monkeypatch.setenv("HYPERSYNC_KEY_PASSPHRASE", "another")
    assert (
        "passphrase is wrong"
        in failed(capsys, "apply", plan, "--sign", key_file(tmp_path, key))["message"]
    )
    monkeypatch.setenv("HYPERSYNC_KEY_PASSPHRASE", "long and dull")
    _, signed, _ = call(capsys, "apply", plan, "--sign", key_file(tmp_path, key))
    assert signed["plan"]["signed_by"] == [public_text(load_private(key[0], b"long and dull"))]


def test_a_stranger_s_signature_is_not_trusted(project, plan, tmp_path, capsys):
    require(project, ANN, BEN, required=False)
    stored(capsys, plan, "--sign", key_file(tmp_path, STRANGER))
    assert "not trusted here" in failed(capsys, "apply", plan)["message"]
    assert "not trusted here" in failed(capsys, "apply", plan, "--verify")["message"]
    assert "not trusted here" in failed(capsys, "apply", plan, "--verify", ANN[1])["message"]
    assert titles(project) == ["Clerk"] * 4


def test_a_key_of_one_s_own_does_not_stand_in_for_the_configured_ones(
    project, plan, tmp_path, capsys
):
    require(project, ANN, BEN)
    stored(capsys, plan, "--sign", key_file(tmp_path, STRANGER))
    assert "not trusted here" in failed(capsys, "apply", plan, "--verify", STRANGER[1])["message"]


def test_the_public_key_may_stand_in_a_file(project, plan, tmp_path, capsys):
    stored(capsys, plan, "--sign", key_file(tmp_path, ANN))
    public = tmp_path / "ann.pub"
    public.write_text(ANN[1] + "\n")
    assert call(capsys, "apply", plan, "--check", "--verify", public)[0] == Exit.DONE
    public.write_text("ssh-ed25519 AAAA\n")
    assert "no public key" in failed(capsys, "apply", plan, "--verify", public)["message"]
    missing = failed(capsys, "apply", plan, "--verify", "ed25519:short")["message"]
    assert "neither a public key nor a file" in missing


def test_verifying_against_nobody_is_an_error(project, plan, tmp_path, capsys):
    stored(capsys, plan, "--sign", key_file(tmp_path, ANN))
    assert "plan_files" in failed(capsys, "apply", plan, "--verify")["message"]


def test_signing_does_nothing_else(project, plan, tmp_path, capsys):
    stored(capsys, plan)
    before = plan.read_bytes()
    key = key_file(tmp_path, ANN)
    assert "nothing else" in failed(capsys, "apply", plan, "--sign", key, "--check")["message"]
    assert plan.read_bytes() == before


def test_requiring_signatures_of_nobody_is_a_mistake(project, plan, capsys):
    configure(project, "plan_files: {require_signature: true}\n")
    error = failed(capsys, "apply", plan)
    assert (error["code"], "nobody can sign" in error["message"]) == ("configuration", True)
    configure(project, 'plan_files: {public_keys: ["ed25519:x"]}\n')
    assert "no public key" in failed(capsys, "apply", plan)["message"]
