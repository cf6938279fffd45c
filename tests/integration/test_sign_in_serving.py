"""Starting the pages with and without a sign-in."""

from __future__ import annotations

import json

from hypersync.cli.frame import Exit
from tests.living import make_project, stop

SIGN_IN = "sign_in: {accounts: true}\n"


def lines_until(process, last):
    found = []
    for line in process.stdout:
        found.append(line)
        if line.startswith(last):
            return "".join(found)
    raise AssertionError(process.stderr.read())


def test_a_first_start_listens_on_this_machine_only_and_says_so(tmp_path):
    service = make_project(tmp_path).start("serve", "--port", "0")
    said = lines_until(service, "Ctrl-C")
    assert "The pages are at http://127.0.0.1:" in said
    assert "No sign-in is configured: they are for this machine only" in said
    assert stop(service)[0] == 0


def test_without_a_sign_in_no_other_address_is_listened_on(tmp_path):
    service = make_project(tmp_path).start("serve", "--host", "0.0.0.0", "--port", "0", "--json")  # noqa: S104
    said, _ = service.communicate(timeout=60)
    assert service.returncode == Exit.USAGE
    message = json.loads(said)["error"]["message"]
    assert "without a sign-in the pages show everything" in message
    assert "say under sign_in: how people sign in" in message


def test_with_a_sign_in_it_listens_where_it_is_told_to_and_warns_of_http(tmp_path):
    project = make_project(tmp_path, more=SIGN_IN)
    main = project.folder / "config" / "hypersync.yaml"
    text = main.read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not line.startswith("public_url")]
    main.write_text("\n".join([*kept, "public_url: http://iam.example.org", ""]), encoding="utf-8")
    service = project.start("serve", "--host", "0.0.0.0", "--port", "0", "--json")  # noqa: S104
    document = json.loads(lines_until(service, "}"))
    assert document["sign_in"] == ["accounts"]
    status, errors = stop(service)
    assert status == 0
    assert "passwords and sessions can be read on the way" in errors
