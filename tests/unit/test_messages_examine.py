"""Templates of a project: what `check` finds in them, and samples to look at."""

import json
import re

import pytest

from hypersync.check import check
from hypersync.cli import group
from hypersync.cli.failure import run_safely
from hypersync.messages.examine import template_mistakes
from hypersync.messages.gallery import render_samples
from tests.projects import ENVIRONMENT, MAIN, RULES, load_project, write_project

ASKING = "{{ view.approve_all }} {{ view.reject_all }} {{ view.code }}"


@pytest.fixture
def mistakes(tmp_path):
    """A function that writes templates by name and returns what is wrong with them."""

    def examine(rules: str = RULES, **templates: str) -> list[str]:
        for name, text in templates.items():
            path = tmp_path / "templates" / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        project = load_project(write_project(tmp_path, MAIN, rules=rules))
        return [str(mistake) for mistake in template_mistakes(project)]

    return examine


def test_a_project_without_templates_uses_the_shipped_ones(mistakes):
    assert mistakes() == []


def test_the_shipped_templates_pass_as_a_projects_own(tmp_path):
    from hypersync.shipped import shipped

    path = write_project(tmp_path)
    (tmp_path / "templates").symlink_to(shipped("templates"))
    assert template_mistakes(load_project(path)) == []


def test_a_template_that_asks_must_show_both_links_and_the_code(mistakes):
    found = mistakes(**{"email__request.html": "<p>{{ view.sentence }}</p>"})
    assert found == [
        "templates/email/request.html:1: the template leaves out the link that approves all; "
        "put it back",
        "templates/email/request.html:1: the template leaves out the link that rejects all; "
        "put it back",
        "templates/email/request.html:1: the template leaves out the confirmation code; "
        "put it back",
    ]
    assert mistakes(**{"email__request.html": ASKING}) == []


def test_the_page_that_decides_must_send_what_it_was_given(mistakes):
    found = mistakes(**{"web__decide.html": "<form></form>"})
    assert len(found) == 3
    assert "the field of the confirmation code" in found[2]


def test_a_template_that_cannot_be_read_is_said_with_its_line(mistakes):
    found = mistakes(**{"email__request.txt": ASKING + "\n{% if view %}"})
    assert len(found) == 1
    assert found[0].startswith("templates/email/request.txt:2: the template cannot be read: ")


@pytest.mark.parametrize(
    "text",
    ["{{ view.sentence | safe }}", "{% autoescape false %}{{ view.sentence }}{% endautoescape %}"],
)
def test_escaping_cannot_be_switched_off(mistakes, text):
    found = mistakes(**{"email__request.html": f"{ASKING}\n{text}"})
    assert len(found) == 1
    assert found[0].startswith("templates/email/request.html:2: the template cannot be read")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{{ view.nothing }}", "names something that is not there"),
        ("{{ 1 / 0 }}", "fails"),
        ("{{ view.__class__.__mro__ }}", "fails"),
        ("{% include 'email/none.html' %}", "fails"),
    ],
)
def test_a_template_that_fails_is_said_with_its_line(mistakes, text, says):
    found = mistakes(**{"email__request.html": f"{ASKING}\n{text}"})
    assert len(found) == 1
    assert found[0].startswith(f"templates/email/request.html:2: the template {says}")


def test_parts_of_templates_and_pages_of_other_names_are_only_read(mistakes):
    assert mistakes(email___part="x", **{"email___part.html": "{{ whatever }}"}) == []
    assert mistakes(**{"web__own.html": "{{ whatever }}", "notes.txt": "x"}) == []
    assert len(mistakes(**{"web___part.html": "{% if %}"})) == 1


def test_the_views_of_other_mails_are_their_own(mistakes):
    ended = "{{ view.title }} {{ view.answers | join(' ') }}"
    assert mistakes(**{"email__decided.txt": ended}) == []
    every = "{% for view in view.questions %}" + ASKING + "{% endfor %}"
    assert mistakes(**{"email__digest.txt": every}) == []


def test_a_template_that_a_rule_names_must_be_there(mistakes):
    rules = RULES.replace("set: {", "threshold: {template: joiners}, set: {")
    found = mistakes(rules, **{"email__joiners.txt": ASKING})
    assert found == [
        "rules/users.yaml:3: warning: there is no template email/joiners.html; "
        "add it under templates/; until then the usual mail is sent"
    ]


def test_check_says_the_mistakes_of_templates(tmp_path):
    path = write_project(tmp_path)
    (tmp_path / "templates/email").mkdir(parents=True)
    (tmp_path / "templates/email/request.html").write_text("{{")
    found = check(path, None, offline=True, process_environment=ENVIRONMENT)[1]
    assert any("templates/email/request.html:1" in str(mistake) for mistake in found)


def test_samples_of_every_mail_and_page_are_written_as_files(tmp_path):
    written = render_samples(load_project(write_project(tmp_path)), tmp_path / "samples")
    names = {path.name for path in written}
    assert {"mail-request.html", "mail-digest.txt", "page-decide.html"} <= names
    assert all(path.read_text().strip() for path in written)
    assert render_samples(None, tmp_path / "samples") == written


def test_check_writes_samples_only_when_nothing_is_wrong(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HYPERSYNC_SECRET_KEY", ENVIRONMENT["HYPERSYNC_SECRET_KEY"])
    path, samples = write_project(tmp_path), tmp_path / "samples"
    command = ["--config", str(path), "check", "--offline", "--render", str(samples), "--json"]
    assert run_safely(group, command) == 0
    written = json.loads(capsys.readouterr().out)["rendered"]
    assert str(samples / "mail-request.html") in written
    index = (samples / "index.html").read_text()
    for file in samples.glob("*-*.*"):
        assert f'href="{file.name}"' in index
    page = (samples / "page-decide.html").read_text()
    for beside in re.findall(r'(?:href|src)="((?:assets|static)/[^"]+)"', page):
        assert (samples / beside).is_file()
    assert '"/static/' not in page
    (tmp_path / "templates/email").mkdir(parents=True)
    (tmp_path / "templates/email/request.html").write_text("{{")
    assert run_safely(group, command) == 2
    assert "rendered" not in json.loads(capsys.readouterr().out)


def test_a_mail_about_the_end_must_say_how_it_ended_and_who_decided(mistakes):
    assert mistakes(**{"email__decided.html": "{{ view.sentence }}"}) == [
        "templates/email/decided.html:1: the template leaves out how it ended; put it back",
        "templates/email/decided.html:1: the template leaves out who decided, when and how that is "
        "proven; put it back",
    ]


def test_the_templates_of_every_environment_are_looked_at(mistakes):
    good = {"env__dev__email__request.html": ASKING}
    assert mistakes(**good) == []
    found = mistakes(**{"env__prod__email__request.html": ASKING + "\n{{ view.nothing }}"})
    assert len(found) == 1
    assert found[0].startswith("templates/env/prod/email/request.html:2: the template names some")


def test_a_template_that_a_rule_names_may_be_one_of_the_environment(mistakes):
    rules = RULES.replace("set: {", "threshold: {template: joiners}, set: {")
    names = [f"env__dev__email__joiners.{ending}" for ending in ("txt", "html")]
    assert mistakes(rules, **dict.fromkeys(names, ASKING)) == []
