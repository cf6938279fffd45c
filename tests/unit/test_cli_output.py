"""What is printed cannot steer a terminal, and who runs a command is not what they say."""

import json
import os
import pwd

import pytest

from hypersync.cli.output import print_document, say
from hypersync.cli.started import who
from hypersync.system_user import system_user

EVIL = "Ada\x1b[2K\x1b]0;title\x07\x9b1A\u202egro\u200b\r"


def test_text_for_people_spells_out_what_would_steer_their_terminal(capsys):
    say(f"first {EVIL}\nsecond")
    first, second, _ = capsys.readouterr().out.split("\n")
    assert first.isprintable()
    assert "Ada[U+001B][2K" in first
    assert "[U+202E]gro[U+200B][U+000D]" in first
    assert second == "second"


def test_a_document_keeps_every_character_and_shows_none_that_is_hidden(capsys):
    print_document({"name": EVIL, "plain": "Zoë → 漢字"})
    text = capsys.readouterr().out
    assert all(line.isprintable() for line in text.split("\n"))
    assert "Zoë → 漢字" in text
    assert json.loads(text) == {"name": EVIL, "plain": "Zoë → 漢字"}


@pytest.mark.parametrize("name", ["LOGNAME", "USER", "LNAME", "USERNAME"])
def test_who_runs_a_command_is_not_taken_from_the_environment(monkeypatch, name):
    monkeypatch.setenv(name, "ann")
    assert system_user() == pwd.getpwuid(os.getuid()).pw_name
    assert who() == f"cli:{system_user()}"
