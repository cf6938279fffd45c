"""`hypersync init` writes a project that works at once."""

from __future__ import annotations

import json
import stat

import pytest

from hypersync import cli
from hypersync.cli.frame import Exit


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name in ("HYPERSYNC_SECRET_KEY", "HYPERSYNC_ENV", "HYPERSYNC_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    assert cli.invoke(["init", str(tmp_path / "new" / "project")]) == Exit.DONE
    monkeypatch.chdir(tmp_path / "new" / "project")
    return tmp_path / "new" / "project"


def test_a_new_project_passes_check_at_once(project, capsys):
    capsys.readouterr()
    assert cli.invoke(["check"]) == Exit.DONE
    assert capsys.readouterr() == ("No mistakes.\n", "")
    assert cli.invoke(["--env", "prod", "check", "--json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out) == {"mistakes": []}


def test_a_new_project_has_a_secret_of_its_own_that_only_its_owner_reads(project, tmp_path):
    assert cli.invoke(["init", str(tmp_path / "other")]) == Exit.DONE
    assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600
    assert (project / ".env").read_text() != (tmp_path / "other" / ".env").read_text()
    assert ".env" in (project / ".gitignore").read_text()


def test_init_says_what_it_wrote(tmp_path, capsys):
    assert cli.invoke(["init", str(tmp_path / "p"), "--json"]) == Exit.DONE
    document = json.loads(capsys.readouterr().out)
    assert document["directory"] == str(tmp_path / "p")
    assert {"config/hypersync.yaml", "rules/accounts.yaml", "config/sample/hr.csv"} <= set(
        document["files"]
    )
    assert all((tmp_path / "p" / file).is_file() for file in document["files"])


@pytest.mark.parametrize("name", ["full", "file"])
def test_init_refuses_what_is_not_empty(tmp_path, capsys, name):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    assert cli.invoke(["init", str(tmp_path / name)]) == Exit.USAGE
    assert "is not empty; name a new or empty directory" in capsys.readouterr().err
    assert [file.name for file in (tmp_path / "full").iterdir()] == ["mine.txt"]
    assert (tmp_path / "file").read_text() == "mine"


def test_init_accepts_an_empty_directory_and_says_when_it_cannot_write(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert cli.invoke(["init", str(tmp_path / "empty")]) == Exit.DONE
    (tmp_path / "file").touch()
    assert cli.invoke(["init", str(tmp_path / "file" / "below")]) == Exit.USAGE
    assert "cannot be written" in capsys.readouterr().err


def test_the_database_is_upgraded_and_says_its_revision(project, capsys):
    assert cli.invoke(["db", "current", "--json"]) == Exit.DONE
    capsys.readouterr()
    assert cli.invoke(["db", "upgrade", "--json"]) == Exit.DONE
    document = json.loads(capsys.readouterr().out)
    assert document["revision"] == document["newest"]
    assert (project / "var" / "hypersync.db").is_file()
    assert cli.invoke(["db", "current"]) == Exit.DONE
    assert f"revision {document['newest']}" in capsys.readouterr().out


def test_explain_shows_the_defaults_in_force(project, capsys):
    capsys.readouterr()
    assert cli.invoke(["check", "--explain", "--json"]) == Exit.DONE
    shown = json.loads(capsys.readouterr().out)["in_force"]
    assert shown["silos"]["hr"]["source_guard"]["drop"] == "5%"
    assert shown["silos"]["accounts"]["timeout"] == "1m"
    assert shown["rules"]["provision-account"]["throttle"] == "env.PROVISION_THROTTLE"
    assert shown["rules"]["disable-leaver"]["threshold"]["limit"] == "1"
    assert shown["rules"]["flow-account"]["threshold"]["clears"] == "1% (at least 5)"
    assert cli.invoke(["check", "--explain"]) == Exit.DONE
    lines = capsys.readouterr().out.splitlines()
    assert "      limit: 1" in lines
    assert lines[-1] == "No mistakes."


def test_the_schema_describes_both_kinds_of_file(capsys):
    assert cli.invoke(["check", "--schema"]) == Exit.DONE
    schema = json.loads(capsys.readouterr().out)
    definitions = schema["$defs"]
    assert definitions["ProjectFile"]["additionalProperties"] is False
    assert definitions["ProjectFile"]["required"] == ["secret_keys", "silos", "joins"]
    assert set(definitions["RuleConfig"]["required"]) == {"id", "kind"}
    assert "place" in definitions["RuleConfig"]["properties"]
    assert definitions["SiloConfig"]["additionalProperties"] is True
    assert definitions["GuardsConfig"]["properties"]["simulate"]["description"].startswith("Plan")
