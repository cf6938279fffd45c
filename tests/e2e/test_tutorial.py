"""The tutorial, step by step: HR as a file, Samba as Active Directory, the local Microsoft Graph.

The project is the one of docs/tutorial; only what a tenant of Microsoft's needs no words for, the
address of the local service, is written into it.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from hypersync import cli
from hypersync.cli.frame import Exit
from hypersync.demo.mailbox import Mailbox, receiving
from hypersync.system_user import system_user
from tests.samba import COMPANY, GROUPS, PASSWORD, PEOPLE, SERVICE, group

DOCS = Path(__file__).parent.parent.parent / "docs"
THROTTLE_SECONDS = 1
LOCAL = """\
    url: "{graph.url}"
    ca_file: "{https.ca_file}"
"""


@dataclass
class Tutorial:
    """The project, what it syncs, and the commands one types."""

    folder: Path
    directory: object
    graph: object
    mailbox: object
    capsys: object
    sales_in_cloud: str

    def run(self, *arguments, code=Exit.DONE):
        """Run a command and return its document."""
        self.capsys.readouterr()
        done = cli.invoke([*arguments, "--json"])
        out, err = self.capsys.readouterr()
        document = json.loads(out)
        assert done == code, (arguments, document.get("errors", document), err)
        return document

    def sync(self, **options):
        return self.run("sync", "--scan", "--commit", **options)

    def until_done(self, most=5):
        """Sync until nothing is left to do, and return the runs that did something."""
        runs = []
        for _ in range(most):
            run = self.sync()
            assert run["errors"] == [], run["errors"]
            if not run["counts"]["proposed"]:
                return runs
            runs.append(run)
        raise AssertionError(f"it never ends: {runs[-1]['rules']}")

    def hr(self, old, new):
        """Change the file of HR."""
        path = self.folder / "data" / "hr.csv"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def accounts(self):
        """Accounts of Active Directory by their number: enabled, department."""
        found = {}
        text = self.directory.search(
            PEOPLE, "(employeeID=*)", "employeeID", "userAccountControl", "department"
        )
        for block in text.strip().split("\n\n"):
            values = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
            is_enabled = not int(values["userAccountControl"]) & 2
            found[values["employeeID"]] = (is_enabled, values["department"])
        return found

    def cloud(self):
        """Accounts of Graph by their number: enabled, department."""
        users = [user.values for user in self.graph.users()]
        return {user["employeeId"]: (user["accountEnabled"], user["department"]) for user in users}

    def sales(self):
        """Who is in the groups of Active Directory and of Graph, by number."""
        members = self.directory.values(f"CN=Sales,{GROUPS}", "member")
        numbers = {self.directory.values(dn, "employeeID")[0] for dn in members}
        in_cloud = map(self.graph.values, self.graph.members(self.sales_in_cloud))
        return numbers, {user["employeeId"] for user in in_cloud}


@pytest.fixture
def tutorial(tmp_path, domain_controller, graph, monkeypatch, capsys):
    folder = tmp_path / "tutorial"
    shutil.copytree(DOCS / "tutorial", folder)
    path = folder / "config" / "hypersync.yaml"
    https = graph.https()
    local = LOCAL.format(graph=graph, https=https)
    text = path.read_text(encoding="utf-8")
    text = text.replace("    connector: msgraph\n", f"    connector: msgraph\n{local}")
    text = text.replace("sign_in: {", f'sign_in: {{authority: "{https.url}", ')
    path.write_text(text, encoding="utf-8")
    domain_controller.modify(group("Sales"))
    application = graph.tenant.sign_in.application
    mailbox = Mailbox()
    with receiving(mailbox) as smtp_port:
        environment = {
            "HYPERSYNC_SECRET_KEY": "a-key-for-tests-only-0123456789",
            "AD_URL": domain_controller.tls_url,
            "AD_CA_FILE": str(domain_controller.certificate),
            "AD_USER": SERVICE,
            "AD_PASSWORD": PASSWORD,
            "AD_BASE": COMPANY,
            "GRAPH_TENANT": graph.tenant.id,
            "GRAPH_CLIENT": application.id,
            "GRAPH_SECRET": application.secret,
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(smtp_port),
            "ANN": system_user(),
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(folder)
        sales = graph.add_group("Sales", [])
        yield Tutorial(folder, domain_controller, graph, mailbox, capsys, sales)


SALES = {"E1001", "E1003", "E1006", "E1011"}


def test_people_go_from_hr_to_active_directory_to_graph_and_back_out(tutorial):
    # look before anything is written
    assert tutorial.run("check") == {"mistakes": []}
    preview = tutorial.run("sync", "--scan")
    assert preview["rules"]["provision-ad"]["queued"] == 12, preview
    assert tutorial.graph.users() == []

    # everybody gets an account in Active Directory, then in the cloud; groups follow
    tutorial.until_done()
    accounts = tutorial.accounts()
    assert len(accounts) == 12
    assert accounts["E1005"] == (True, "Engineering")
    assert tutorial.cloud() == accounts
    assert tutorial.sales() == (SALES, SALES)

    # somebody moves
    tutorial.hr("E1003,Diego,Siciliani,Sales", "E1003,Diego,Siciliani,Legal")
    tutorial.hr("E1012,Megan,Bowen,Marketing", "E1012,Megan,Bowen,Sales")
    tutorial.until_done()
    moved = SALES - {"E1003"} | {"E1012"}
    assert tutorial.sales() == (moved, moved)
    assert tutorial.cloud()["E1003"] == tutorial.accounts()["E1003"] == (True, "Legal")

    # HR exports nonsense: nobody is disabled, somebody is asked, and says no
    before = len(tutorial.mailbox.mails)
    tutorial.hr(",active\n", ",left\n")
    stopped = tutorial.sync(code=Exit.DONE)
    for rule in ("leave-ad", "leave-cloud"):
        assert stopped["rules"][rule]["suspended"] == 12
        assert stopped["rules"][rule]["reason"]
    assert all(is_enabled for is_enabled, _ in tutorial.accounts().values())
    assert len(tutorial.mailbox.mails) > before
    requests = tutorial.run("pending")["requests"]
    rules = ("leave-ad", "leave-cloud", "sales-in-ad", "sales-in-cloud")
    assert sorted(each["rule"] for each in requests) == sorted(rules), stopped["rules"]
    assert tutorial.sales() == (moved, moved)
    for each in requests:
        assert len(tutorial.run("reject", each["id"])["decided"]) == each["count"]
    tutorial.hr(",left\n", ",active\n")
    assert tutorial.until_done() == []
    time.sleep(THROTTLE_SECONDS)  # a rejection starts the throttle, as an execution does

    # one really leaves, and comes back by an undo
    tutorial.hr(
        "E1009,Lee,Gu,Manufacturing,Director,active", "E1009,Lee,Gu,Manufacturing,Director,left"
    )
    (run,) = tutorial.until_done()
    assert run["counts"]["succeeded"] == 2
    assert tutorial.accounts()["E1009"] == tutorial.cloud()["E1009"] == (False, "Manufacturing")
    tutorial.hr("Director,left", "Director,active")
    undone = tutorial.run("undo", run["run"], "--commit")
    assert undone["counts"]["succeeded"] == 2
    assert tutorial.accounts()["E1009"] == tutorial.cloud()["E1009"] == (True, "Manufacturing")


def test_the_page_shows_the_files_of_the_project():
    page = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    shown = re.findall(r"```(?:yaml|csv)\n(.*?)```", page, re.DOTALL)
    files = ["config/hypersync.yaml", "config/env/dev.yaml", "rules/people.yaml"]
    wanted = [(DOCS / "tutorial" / name).read_text(encoding="utf-8") for name in files]
    assert [each for each in wanted if each not in shown] == []
