"""The demo's directory as a Microsoft Graph: the local one of the tests, as a program of its own.

It is part of the sources and not of what is installed, so that this takes a checkout.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import requests

import hypersync
from hypersync.demo.company import Person, account_names
from hypersync.demo.directory import Rows
from hypersync.errors import UsageError

CHECKOUT = Path(hypersync.__file__).resolve().parent.parent
SERVICE = Path("tests", "services", "graph")
DOMAIN = "example.org"
PATIENCE = 30
"""Seconds that the service may take for one answer."""
_NAMES = {
    "employeeNumber": "employeeId",
    "displayName": "displayName",
    "department": "department",
    "title": "jobTitle",
    "active": "accountEnabled",
}
"""What the properties of Graph are called in the demo's rows."""


class GraphDirectory:
    """The directory is the tenant of the service; ``said`` is what it told of itself."""

    project = "project_graph"

    def __init__(self, said: Mapping[str, str]) -> None:
        self.url = said["graph"]
        self._said = said

    def fill(self, _folder: Path, accounts: Sequence[Person]) -> Mapping[str, str]:
        """Make the accounts; return how to sign in."""
        users = [_user(name, person) for name, person in account_names(accounts)]
        answer = requests.post(
            f"{self._said['control']}/objects", json={"users": users}, timeout=PATIENCE
        )
        answer.raise_for_status()
        authority, _, tenant = self._said["sign-in"].rpartition("/")
        return {
            "DEMO_GRAPH_URL": self.url.removesuffix("/v1.0"),
            "DEMO_GRAPH_AUTHORITY": authority,
            "DEMO_GRAPH_CA_FILE": self._said["certificate"],
            "DEMO_GRAPH_TENANT": tenant,
            "DEMO_GRAPH_CLIENT": self._said["client"],
            "DEMO_GRAPH_SECRET": self._said["secret"],
        }

    def accounts(self) -> Rows:
        """Return the users, page by page."""
        rows: Rows = {}
        link: str | None = (
            f"{self.url}/users?$top=999&$select=mailNickname,{','.join(_NAMES.values())}"
        )
        token = requests.get(f"{self._said['control']}/token", timeout=PATIENCE).json()["token"]
        while link is not None:
            headers = {"Authorization": f"Bearer {token}"}
            answer = requests.get(link, headers=headers, timeout=PATIENCE)
            answer.raise_for_status()
            page = answer.json()
            for user in page["value"]:
                rows[user["mailNickname"]] = {
                    mine: _text(user[its]) for mine, its in _NAMES.items()
                }
            link = page.get("@odata.nextLink")
        return rows

    def state(self) -> object:
        """Return all users."""
        return self.accounts()


@contextmanager
def local_graph(checkout: Path = CHECKOUT) -> Iterator[GraphDirectory]:
    """Run the service while the block does; raises `UsageError` where that is not possible."""
    if not (checkout / SERVICE / "__main__.py").is_file():
        raise UsageError(
            "--graph needs the sources of HyperSync: the Microsoft Graph that it shows is one of "
            "their tests; call make demo ARGS=--graph in a checkout"
        )
    if find_spec("msgraph") is None or find_spec("azure") is None:
        raise UsageError("--graph needs the libraries of hypersync[msgraph]; install them with pip")
    module = ".".join(SERVICE.parts)
    process = subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-m", module, "--domain", DOMAIN],
        cwd=checkout,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the demo, which ends it then
    )
    try:
        yield GraphDirectory(_told(process))
    finally:
        process.terminate()
        process.communicate()


def _told(process: subprocess.Popen[str]) -> Mapping[str, str]:
    """Return what the service says of itself; its last line is the token."""
    said: dict[str, str] = {}
    for line in process.stdout or ():
        name, _, value = line.rstrip("\n").partition(": ")
        said[name] = value
        if name == "token":
            return said | {"control": said["control"].removesuffix("/state")}
    raise UsageError("--graph: the local Microsoft Graph did not start; it says why above")


def _user(name: str, person: Person) -> dict[str, object]:
    return {
        "accountEnabled": True,
        "department": person.department,
        "displayName": person.name,
        "employeeId": person.employee_id,
        "jobTitle": person.title,
        "mailNickname": name,
        "userPrincipalName": f"{person.employee_id.lower()}@{DOMAIN}",
        "passwordProfile": {"password": "Made-up-for-a-demo-1"},
    }


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value or "")
