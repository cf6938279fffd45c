"""The demo with a Microsoft Graph as its directory: the same story, in a checkout only."""

import json
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from hypersync import cli
from hypersync.cli.frame import Exit
from hypersync.demo.company import account_names, make_company
from hypersync.demo.local_graph import SERVICE, local_graph
from hypersync.demo.mailbox import Mailbox
from hypersync.demo.stage import open_stage
from hypersync.errors import UsageError


def test_the_story_is_the_same_with_a_microsoft_graph(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert cli.invoke(["demo", "--check", "--graph", "--port", "0", "--json"]) == Exit.DONE
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert document["wrong"] == []
    assert [act["act"] for act in document["acts"]] == [1, 2, 3]
    assert "The directory is a Microsoft Graph on this machine: http://127.0.0.1:" in printed.err
    assert list(tmp_path.iterdir()) == []


def test_its_project_has_no_mistakes_and_the_accounts_are_in_the_graph(capsys):
    with (
        local_graph() as directory,
        open_stage(
            url="http://127.0.0.1:1", mailbox=Mailbox(), smtp_port=1, directory=directory
        ) as stage,
    ):
        file = str(stage.folder / "config" / "hypersync.yaml")
        assert cli.invoke(["--config", file, "check", "--json"]) == Exit.DONE
        assert json.loads(capsys.readouterr().out) == {"mistakes": []}
        accounts = stage.accounts()
    people = dict(account_names(make_company().accounts))
    assert accounts.keys() == people.keys()
    assert all(row["title"] == people[name].title for name, row in accounts.items())


def test_both_projects_differ_in_the_directory_only():
    folder = files("hypersync.demo")
    file, graph = (
        yaml.safe_load((folder / name / "config" / "hypersync.yaml").read_text("utf-8"))
        for name in ("project", "project_graph")
    )
    for configuration in (file, graph):
        del configuration["silos"]["directory"]
        (account,) = (join for join in configuration["joins"] if join["slot"] == "account")
        account["value"] = "the employee number"
    assert graph == file
    ids = [
        [
            (rule["id"], rule["kind"])
            for rule in yaml.safe_load((folder / name / "rules" / "accounts.yaml").read_text())[
                "rules"
            ]
        ]
        for name in ("project", "project_graph")
    ]
    assert ids[0] == ids[1]


def test_without_the_sources_it_says_what_is_missing(tmp_path):
    with (
        pytest.raises(
            UsageError, match=r"needs the sources of HyperSync: .* make demo ARGS=--graph"
        ),
        local_graph(tmp_path),
    ):
        pass


def test_a_service_that_does_not_start_is_one_clear_error(tmp_path):
    program = tmp_path / SERVICE / "__main__.py"
    program.parent.mkdir(parents=True)
    program.with_name("__init__.py").touch()
    program.write_text("raise SystemExit('no port is free')\n")
    with pytest.raises(UsageError, match="did not start"), local_graph(tmp_path):
        pass


def test_what_is_installed_has_both_projects():
    projects = [Path(str(files("hypersync.demo") / name)) for name in ("project", "project_graph")]
    assert [sorted(path.name for path in each.rglob("*.yaml")) for each in projects] == [
        ["accounts.yaml", "hypersync.yaml"]
    ] * 2
