"""A domain controller that is behind the one before it: what it does not know yet is not gone."""

import csv
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hypersync.app import App, build
from hypersync.config.load import load_configuration
from hypersync.connectors.ad.options import AdOptions
from hypersync.connectors.ldap.options import LdapOptions
from hypersync.model.scans import ScanState
from tests.ad_silos import Corner
from tests.projects import write_project
from tests.samba import PASSWORD, SERVICE, Samba, started, twin
from tests.wires import ADD, LdapWire
from tests.worlds import MovedClock

MAIN = """\
public_url: http://127.0.0.1:8080
database: sqlite:///var/hypersync.db
secret_keys: ["a-key-for-tests-only-0123456789"]
silos:
  hr:
    connector: csv
    types: {{person: {{path: data/hr.csv, anchor: id}}}}
  ad:
    connector: ad
    write: true
    url: [{urls}]
    bind: {{user: "{user}", password: "{password}"}}
    types: {{user: {{base: "{base}", attributes: [sAMAccountName, employeeID, title]}}}}
    {more}
joins:
  - {{slot: hr, silo: hr, type: person, value: id}}
  - {{slot: account, silo: ad, type: user, value: employeeID}}
"""
RULES = """\
ruleset: all
defaults: {{throttle: 1s, threshold: {{limit: 50}}}}
rules:
  - {{id: provision, kind: provision, target: account, when: "hr.status == 'active'",
     place: {{parent: "'{people}'", rdn: "'CN=' + dn_escape(hr.id)"}},
     set: {{employeeID: hr.id, sAMAccountName: hr.account}}}}
"""
DAY = timedelta(days=1)
Pair = tuple[Samba, Samba]
Made = Callable[..., App]


@pytest.fixture
def corner(tmp_path: Path, provisioned: Path) -> Iterator[Corner]:
    """The units of a test and E0 in them, at the first of two controllers."""
    with started(tmp_path / "dc1", provisioned) as first:
        corner = Corner.new(first)
        corner.add_people("E0", employeeID="E0")
        yield corner


@pytest.fixture
def controllers(tmp_path: Path, corner: Corner) -> Iterator[Pair]:
    """Two of them; the second knows nothing of E1, nor of what happens from now on."""
    with twin(corner.server, tmp_path / "dc2") as second:
        corner.add_people("E1", employeeID="E1")
        yield corner.server, second


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def made(tmp_path: Path, controllers: Pair, corner: Corner, clock: MovedClock) -> Iterator[Made]:
    opened: list[App] = []

    def make(*people: str, more: str = "", first: str = controllers[0].url) -> App:
        main = MAIN.format(
            urls=f"{first}, {controllers[1].url}",
            user=SERVICE,
            password=PASSWORD,
            base=corner.people,
            more=more,
        )
        folder = tmp_path / "project"
        file = write_project(folder, main, rules=RULES.format(people=corner.people))
        data = folder / "data" / "hr.csv"
        data.parent.mkdir()
        rows = [(each, corner.account(each), "active") for each in people]
        with data.open("w", encoding="utf-8", newline="") as lines:
            csv.writer(lines).writerows([("id", "account", "status"), *rows])
        configuration = load_configuration(file, None, process_environment={})
        opened.append(build(configuration, started_by="cli:test", clock=clock))
        return opened[-1]

    yield make
    for app in opened:
        app.close()


def scanned(app: App) -> None:
    for report in app.scan():
        assert report.state is ScanState.APPLIED, report.reason


def names(app: App) -> set[str]:
    """Return whom the store holds for alive."""
    with app.store.snapshot() as unit:
        found = unit.objects.of_slot("ad", "user", "account")
        return {str(each.attributes["employeeID"]) for each in found if each.absence is None}


def has(server: Samba, dn: str) -> bool:
    return bool(server.search(dn.partition(",")[2], f"({dn.partition(',')[0]})", "dn").strip())


def test_who_is_not_known_yet_at_another_controller_is_missing_once_and_not_gone(
    made: Made, controllers: Pair, clock: MovedClock
):
    app = made("E0")
    scanned(app)
    assert names(app) == {"E0", "E1"}
    clock.time += DAY
    controllers[0].stop()
    scanned(app)
    assert names(app) == {"E0", "E1"}
    controllers[0].start()
    scanned(app)


def test_who_is_missing_at_the_next_complete_scan_too_is_gone(
    made: Made, controllers: Pair, clock: MovedClock
):
    app = made("E0")
    scanned(app)
    clock.time += DAY
    controllers[0].stop()
    scanned(app)
    app.scan(["ad"], full=True)
    assert names(app) == {"E0", "E1"}  # a second look at the same moment is none
    clock.time += DAY
    (report,) = app.scan(["ad"], full=True)
    assert report.types["user"].deleted == 1
    assert names(app) == {"E0"}


def test_who_was_made_just_now_is_not_made_again_at_a_controller_that_is_behind(
    made: Made, controllers: Pair, corner: Corner, clock: MovedClock
):
    app = made("E0", "E2", more="source_guard: {grace: 0}")
    scanned(app)
    assert app.sync("full", commit=True).counts.succeeded == 1
    assert has(controllers[0], corner.person("E2"))
    controllers[0].stop()
    for minutes in (1, 10):
        clock.time += timedelta(minutes=minutes)
        app.scan(["ad"], full=True)
        assert "E2" in names(app)
        assert app.sync("full", commit=True).counts.succeeded == 0
    assert not has(controllers[1], corner.person("E2"))


def test_who_may_have_been_made_is_not_made_again_at_a_controller_that_is_behind(
    made: Made, controllers: Pair, corner: Corner, clock: MovedClock
):
    with LdapWire(389, controllers[0].address) as proxy:
        proxy.seen = lambda seen: proxy.interrupt() if seen == ADD else None
        app = made("E0", "E2", more="source_guard: {grace: 0}", first=proxy.url)
        scanned(app)
        assert app.sync("full", commit=True).counts.unknown == 1
        proxy.cut()
        for minutes in (1, 10):
            clock.time += timedelta(minutes=minutes)
            scanned(app)
            assert app.sync("full", commit=True).counts.succeeded == 0
    assert not has(controllers[1], corner.person("E2"))
    assert has(controllers[0], corner.person("E2"))


@pytest.mark.parametrize("model", [AdOptions, LdapOptions])
def test_one_server_is_never_behind_another(model: type[AdOptions]):
    def lag(*urls: str) -> timedelta:
        types = {"user": {"base": "DC=hs,DC=test"}}
        return model.model_validate({"url": urls, "types": types}).lag

    assert lag("ldaps://dc1") == timedelta(0)
    assert lag("ldaps://dc1", "ldaps://dc2") == timedelta(minutes=15)
