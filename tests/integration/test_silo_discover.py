"""The command `silo discover`: what it finds, and that what it writes can be used as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from hypersync import cli
from hypersync.cli.frame import Exit
from tests.slapd import GROUPS, LEAVERS, PASSWORD, PEOPLE, SERVICE, Slapd, entry, group, running

PEOPLE_CSV = 'id;mail;"a\nb: [";team\n1;ann@example.org;x;IT\n2;bob@example.org;y;IT\n3;;z;\n'
NUMBERS = range(3)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    people = "".join(
        entry(
            f"uid=p{number},{PEOPLE if number else LEAVERS}",
            {
                "objectClass": "inetOrgPerson",
                "uid": f"p{number}",
                "cn": "Secretive",
                "sn": f"Surname{number}",
                "mail": [f"p{number}@example.org", f"q{number}@example.org"],
                "employeeNumber": f"E{number}",
            },
        )
        for number in NUMBERS
    )
    staff = group("staff", [f"uid=p1,{PEOPLE}"])
    with running(tmp_path_factory.mktemp("slapd"), people + staff) as started:
        yield started


Project = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Make a project of one silo, and go there."""
    for name in ("HYPERSYNC_SECRET_KEY", "HYPERSYNC_ENV", "HYPERSYNC_CONFIG"):
        monkeypatch.delenv(name, raising=False)

    def make(silos: str, **variables: str) -> Path:
        lines = [f"{name}={value}\n" for name, value in variables.items()]
        (tmp_path / ".env").write_text("".join(["HYPERSYNC_SECRET_KEY=0123456789abcdef\n", *lines]))
        (tmp_path / "config").mkdir()
        write(tmp_path, silos)
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "people.csv").write_text(PEOPLE_CSV)
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return make


def write(folder: Path, silos: str) -> None:
    (folder / "config" / "hypersync.yaml").write_text(
        "public_url: http://127.0.0.1:8080\ndatabase: sqlite:///var/hypersync.db\n"
        f'secret_keys: ["${{HYPERSYNC_SECRET_KEY}}"]\n{silos}'
    )


def ldap(server: Slapd, password: str = '"${LDAP_PASSWORD}"') -> str:  # noqa: S107 - a variable
    return (
        "silos:\n  tree:\n    connector: ldap\n    write: true\n"
        f"    url: {server.url}\n    bind: {{user: '{SERVICE}', password: {password}}}\n"
    )


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert cli.invoke(["silo", "discover", *arguments]) == Exit.DONE
    return capsys.readouterr().out


def joined(block: str) -> str:
    """Take the proposed joins as they are; without one, each object is somebody of its own."""
    taken = re.sub(r"(?m)^# (joins:|  - \{slot: )", r"\1", block)
    if taken != block:
        return taken
    (silo,) = yaml.safe_load(block)["silos"]
    kinds = "".join(
        f"  - {{slot: s_{each}, silo: {silo}, type: {each}, join: none}}\n"
        for each in types_in(block)
    )
    return f"{block}joins:\n{kinds}"


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert cli.invoke(["silo", "discover", *arguments]) == Exit.USAGE
    return capsys.readouterr().err


def types_in(block: str) -> dict[str, dict[str, object]]:
    ((_, silo),) = yaml.safe_load(block)["silos"].items()
    return silo["types"]


# --- LDAP ----------------------------------------------------------------------------------------


def test_a_directory_without_types_is_written_so_that_check_takes_it(project, server, capsys):
    folder = project(ldap(server), LDAP_PASSWORD=PASSWORD)
    block = said(capsys, "tree")
    assert types_in(block) == {
        "inetOrgPerson": {
            "base": "dc=example,dc=org",
            "filter": "(objectClass=inetOrgPerson)",
            "object_class": ["inetOrgPerson"],
            "anchor": "entryUUID",
        },
        "groupOfNames": {
            "base": GROUPS,
            "filter": "(objectClass=groupOfNames)",
            "object_class": ["groupOfNames"],
            "members": "member",
            "anchor": "entryUUID",
        },
        "organizationalRole": {
            "base": "dc=example,dc=org",
            "filter": "(objectClass=organizationalRole)",
            "object_class": ["organizationalRole"],
            "anchor": "entryUUID",
        },
    }
    write(folder, joined(block))
    assert cli.invoke(["check", "--offline"]) == Exit.DONE
    assert cli.invoke(["check"]) == Exit.DONE
    assert cli.invoke(["scan", "tree"]) == Exit.DONE
    capsys.readouterr()
    assert cli.invoke(["silo", "test", "tree"]) == Exit.DONE
    lines = capsys.readouterr().out.splitlines()
    assert "reach   ok       tree answers" in lines
    (read,) = (line for line in lines if line.startswith("read    ok       groupOfNames: "))
    assert read.endswith(f"1 object: {server.uuid(f'cn=staff,{GROUPS}')}")


def test_what_a_directory_has_is_counted_and_never_shown(project, server, capsys):
    project(ldap(server), LDAP_PASSWORD=PASSWORD)
    document = json.loads(said(capsys, "tree", "--json"))
    person = next(each for each in document["types"] if each["name"] == "inetOrgPerson")
    assert (person["objects"], person["sampled"]) == (3, 3)
    assert person["anchors"][0] == "entryUUID"
    assert person["joins"][:2] == ["employeeNumber", "uid"]
    found = {each["name"]: each for each in person["attributes"]}
    assert (found["cn"]["filled"], found["cn"]["is_distinct"]) == (3, False)
    assert found["mail"]["multi_valued"]
    assert found["createTimestamp"] == {
        "name": "createTimestamp",
        "multi_valued": False,
        "read_only": True,
        "filled": 0,
        "is_distinct": False,
        "note": "",
    }
    everything = json.dumps(document)
    for value in ("Secretive", "Surname1", "p1@example.org", "E1", PASSWORD):
        assert value not in everything


def test_a_variable_stays_one_and_its_default_is_not_repeated(project, server, capsys):
    project(ldap(server, f'"${{LDAP_PASSWORD:{PASSWORD}}}"'))
    block = said(capsys, "tree")
    assert 'password: "${LDAP_PASSWORD}"' in block
    assert PASSWORD not in block


def test_a_password_in_the_file_becomes_a_variable(project, server, capsys):
    folder = project(ldap(server, PASSWORD))
    block = said(capsys, "tree")
    assert 'password: "${TREE_BIND_PASSWORD}"' in block
    assert "# Set the variable TREE_BIND_PASSWORD: " in block
    assert PASSWORD not in block
    write(folder, joined(block))
    (folder / ".env").write_text(
        f"HYPERSYNC_SECRET_KEY=0123456789abcdef\nTREE_BIND_PASSWORD={PASSWORD}\n"
    )
    assert cli.invoke(["check"]) == Exit.DONE


def test_types_that_are_configured_stay_as_they_are(project, server, capsys):
    kind = f"{{base: '{PEOPLE}', filter: (&(objectClass=inetOrgPerson)(mail=*))}}"
    project(f"{ldap(server)}    types: {{user: {kind}}}\n", LDAP_PASSWORD=PASSWORD)
    types = types_in(said(capsys, "tree"))
    assert types["user"] == {"base": PEOPLE, "filter": "(&(objectClass=inetOrgPerson)(mail=*))"}
    assert set(types) == {"user", "inetOrgPerson", "groupOfNames", "organizationalRole"}


def test_a_variable_that_is_not_set_is_said_and_nothing_is_reached_for(project, server, capsys):
    project(ldap(server))
    assert "the variable LDAP_PASSWORD is not set" in refusal(capsys, "tree")


def test_a_wrong_password_is_a_sentence(project, server, capsys):
    project(ldap(server, "wrong"))
    assert cli.invoke(["silo", "discover", "tree"]) == Exit.FAILED
    assert "wrong user or password" in capsys.readouterr().err


# --- files and others ----------------------------------------------------------------------------


def test_files_of_the_folder_are_found_with_their_format(project, capsys):
    folder = project("silos:\n  hr: {connector: csv}\n")
    block = said(capsys, "hr")
    assert types_in(block) == {
        "people": {"path": "data/people.csv", "anchor": "id", "delimiter": ";"}
    }
    assert re.search(r"#   id +3 of 3, all different\n", block)
    write(folder, joined(block))
    assert cli.invoke(["check"]) == Exit.DONE


def test_a_name_in_the_silo_cannot_end_a_comment(project, capsys):
    project("silos:\n  hr: {connector: csv}\n")
    assert "#   a[U+000A]b: [" in said(capsys, "hr")


def test_a_file_that_cannot_be_read_is_named_among_the_others(project, capsys):
    folder = project("silos:\n  hr: {connector: csv, folder: data}\n")
    (folder / "data" / "empty.csv").write_text("")
    (folder / "data" / "latin.csv").write_bytes("numéro\tname\n7\tx\n8\tx\n".encode("latin-1"))
    block = said(capsys, "hr")
    types = types_in(block)
    assert types["latin"] == {
        "path": "data/latin.csv",
        "anchor": "numéro",
        "delimiter": "tab",
        "encoding": "latin-1",
    }
    assert "it cannot be read: empty.csv is empty; there is not even a header" in block
    write(folder, joined(block))
    assert cli.invoke(["check", "--offline"]) == Exit.DONE


def test_a_connector_that_cannot_tell_shows_what_is_configured(project, capsys):
    folder = project("silos:\n  own: {connector: internal, types: {name: {anchor: login}}}\n")
    block = said(capsys, "own")
    assert types_in(block) == {"name": {"anchor": "login"}}
    assert "# name: 0 objects" in block
    write(folder, joined(block))
    assert cli.invoke(["check"]) == Exit.DONE


# --- the command ---------------------------------------------------------------------------------


def test_a_file_is_written_once_and_the_findings_are_listed(project, capsys):
    project("silos:\n  hr: {connector: csv}\n")
    listed = said(capsys, "hr", "--out", "found.yaml")
    assert listed.startswith("people: 3 objects\nanchor: id, ")
    assert "people" in types_in(Path("found.yaml").read_text(encoding="utf-8"))
    assert "found.yaml exists already; name another" in refusal(capsys, "hr", "--out", "found.yaml")


def test_one_type_may_be_chosen(project, capsys):
    folder = project("silos:\n  hr: {connector: csv}\n")
    (folder / "data" / "teams.csv").write_text("name\nIT\nHR\n")
    assert set(types_in(said(capsys, "hr", "--type", "teams"))) == {"teams"}
    assert "no type 'team' was found; there are people, teams" in refusal(
        capsys, "hr", "--type", "team"
    )


def test_wrong_options_and_unknown_silos_are_said_with_their_place(project, capsys):
    project("silos:\n  hr: {connector: csv, foldr: data}\n")
    assert "config/hypersync.yaml:5: silos.hr.foldr is not known here" in refusal(capsys, "hr")
    assert "there is no silo 'rh'; there are hr" in refusal(capsys, "rh")
