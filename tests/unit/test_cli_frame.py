from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import click
import pytest

from hypersync import cli
from hypersync.cli.failure import run_safely
from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import print_answer
from hypersync.clock import SystemClock
from hypersync.errors import ConfigurationError, LeaseHeld, UsageError
from hypersync.log import set_up_logging
from hypersync.model.mistake import Level, Mistake


def raising(error: BaseException) -> click.Command:
    @command("fail")
    def fail(invocation: Invocation) -> Exit:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (LeaseHeld("node-1 syncs since 10:00"), "lease_held", Exit.FAILED),
        (UsageError("name a run"), "usage", Exit.USAGE),
        (click.UsageError("no such option"), "usage", Exit.USAGE),
        (click.BadParameter("not a number"), "usage", Exit.USAGE),
        (KeyboardInterrupt(), "stopped", Exit.STOPPED),
        (click.Abort(), "stopped", Exit.STOPPED),
    ],
)
def test_an_error_is_a_sentence_an_exit_code_and_one_document(capsys, error, code, exit_code):
    assert run_safely(raising(error), []) == exit_code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.strip()
    assert run_safely(raising(error), ["--json"]) == exit_code
    document = json.loads(capsys.readouterr().out)
    assert document["error"]["code"] == code
    assert document["error"]["message"]
    assert set(document["error"]) == {"code", "message", "file", "line"}


def test_a_wrong_configuration_names_file_and_line_and_every_mistake(capsys):
    mistakes = [Mistake("a", "b", "x.yaml", 3), Mistake("c", "", "y.yaml", 4, Level.ERROR)]
    assert run_safely(raising(ConfigurationError(mistakes)), ["--json"]) == Exit.USAGE
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {
        "error": {
            "code": "configuration",
            "message": "x.yaml:3: a; b\ny.yaml:4: c",
            "file": "x.yaml",
            "line": 3,
        }
    }
    assert shown.err == "x.yaml:3: a; b\ny.yaml:4: c\n"


def test_an_unexpected_error_says_where_its_traceback_went(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run_safely(raising(KeyError("x")), []) == Exit.FAILED
    (file,) = tmp_path.iterdir()
    assert capsys.readouterr().err == (
        f"Something unexpected happened (KeyError: 'x'); the traceback is in {file}\n"
    )
    assert "Traceback" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("ended", list(Exit))
def test_a_command_ends_with_its_own_exit_code(ended):
    @command("end")
    def end(invocation: Invocation) -> Exit:
        return ended

    assert run_safely(end, []) == ended


def test_a_document_writes_times_bytes_and_spans_as_the_reference_says(capsys):
    @command("show")
    def show(invocation: Invocation) -> Exit:
        document = {
            "at": datetime(2026, 1, 5, 9, 0, tzinfo=UTC),
            "bytes": b"\x00",
            "span": timedelta(minutes=5),
            "level": Level.ERROR,
            "path": Path("a/b"),
            "set": frozenset({"b", "a"}),
            "name": "Chloé",
        }
        print_answer(invocation, document, lambda: "text")
        return Exit.DONE

    assert run_safely(show, ["--json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out) == {
        "at": "2026-01-05T09:00:00Z",
        "bytes": {"base64": "AA=="},
        "span": "5m",
        "level": "error",
        "path": "a/b",
        "set": ["a", "b"],
        "name": "Chloé",
    }
    assert run_safely(show, []) == Exit.DONE
    assert capsys.readouterr().out == "text\n"


def test_an_empty_text_prints_nothing_and_what_has_no_json_form_is_an_error(capsys):
    print_answer(Invocation(), {}, lambda: "")
    assert capsys.readouterr().out == ""
    print_answer(Invocation(as_json=True), {"a": MappingProxyType({"b": 1})}, lambda: "")
    assert json.loads(capsys.readouterr().out) == {"a": {"b": 1}}
    with pytest.raises(TypeError, match="object has no JSON form"):
        print_answer(Invocation(as_json=True), {"a": object()}, lambda: "")


def test_json_may_stand_before_or_after_the_command(capsys, tmp_path):
    config = ["--config", str(tmp_path / "nowhere.yaml")]
    for arguments in (["--json", *config, "check"], [*config, "check", "--json"]):
        assert cli.invoke(arguments) == Exit.USAGE
        document = json.loads(capsys.readouterr().out)
        assert document["mistakes"][0]["message"] == "there is no such file"


def test_an_unknown_command_suggests_the_one_that_was_meant(capsys):
    assert cli.invoke(["chekc"]) == Exit.USAGE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "There is no command 'chekc'; did you mean 'check'?" in shown.err
    assert cli.invoke(["xyzzy"]) == Exit.USAGE
    assert "There is no command 'xyzzy'\n" in capsys.readouterr().err


def test_every_command_of_the_table_exists_and_has_json():
    group = cli.group
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        leaves = found.commands.values() if isinstance(found, click.Group) else [found]
        for leaf in leaves:
            assert any("--json" in parameter.opts for parameter in leaf.params), name
            assert leaf.help, name


def test_help_lists_every_command_and_goes_to_standard_output(capsys):
    assert cli.invoke(["--help"]) == Exit.DONE
    shown = capsys.readouterr()
    assert all(f"\n  {name}" in shown.out for name in cli.COMMANDS)
    assert shown.err == ""


def test_help_imports_neither_the_database_nor_the_web():
    script = (
        "import sys; from hypersync.cli import invoke; code = invoke(['--help']); "
        "heavy = {'sqlalchemy', 'flask', 'jinja2', 'ldap3', 'pydantic', 'yaml', 'rich'}; "
        "sys.exit(code or ' '.join(heavy & set(sys.modules)) or 0)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)  # noqa: S603
    assert ended.returncode == 0, ended.stderr


def test_python_dash_m_is_the_command_and_a_closed_pipe_is_no_traceback():
    script = f"{sys.executable} -m hypersync --version | head -c 0"
    ended = subprocess.run(["bash", "-c", script], capture_output=True, text=True)  # noqa: S603, S607
    assert ended.stderr == ""


@pytest.fixture
def root_logger():
    logger = logging.getLogger()
    level, handlers = logger.level, list(logger.handlers)
    yield logger
    logger.setLevel(level)
    logger.handlers = handlers
    logging.captureWarnings(capture=False)


def test_log_lines_are_json_when_asked(root_logger):
    stream = io.StringIO()
    set_up_logging(as_json=True, level="info", stream=stream)
    logging.getLogger("hypersync.test").info("run %s", "r1", extra={"run": "r1"})
    line = json.loads(stream.getvalue())
    assert line["time"].endswith("Z")
    assert {key: line[key] for key in ("level", "logger", "message", "run")} == {
        "level": "info",
        "logger": "hypersync.test",
        "message": "run r1",
        "run": "r1",
    }


def log_a_failure():
    try:
        int("broken")
    except ValueError:
        logging.getLogger("hypersync.test").exception("it failed")


def test_logging_set_up_twice_writes_each_line_once(root_logger):
    first, second = io.StringIO(), io.StringIO()
    set_up_logging(as_json=False, level="info", stream=first)
    set_up_logging(as_json=False, level="info", stream=second)
    log_a_failure()
    assert first.getvalue() == ""
    assert second.getvalue().count("it failed") == 1
    assert "Z ERROR hypersync.test: it failed" in second.getvalue()
    set_up_logging(as_json=True, level="info", stream=first)
    log_a_failure()
    assert "ValueError: invalid" in json.loads(first.getvalue())["traceback"]


def test_the_clock_is_aware_and_never_goes_back():
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()
