"""The real program as a service: started, stopped, killed and started again; one tick by hand."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import sqlite3
from datetime import timedelta
from threading import Event, Timer
from urllib.parse import urlsplit

import pytest
from waitress.trigger import trigger

from hypersync import cli
from hypersync.cli.frame import Exit
from hypersync.cli.serving import address_of, listen, port_of, serving
from hypersync.clock import SystemClock
from hypersync.daemon import Daemon
from hypersync.errors import UsageError
from tests.living import Clock, make_project, people, stop, users, wait_for_line
from tests.smtp_sink import sink

__all__ = ["sink"]

EVERY_SECOND = """\
schedules:
  - {scan: hr, full: every 1s}
  - {scan: app, full: every 1s}
  - {sync: delta, every: 1s}
"""


def first_document(process):
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line == "}\n":
            return json.loads("".join(lines))
    raise AssertionError(process.stderr.read())


def get(url, path="/report/runs"):
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def schedule_runs(project):
    with sqlite3.connect(project.folder / "var" / "hypersync.db") as database:
        rows = database.execute("SELECT schedule, due_at FROM schedule_run").fetchall()
    database.close()
    return rows


def is_sound(project):
    """The database is whole, nothing is half done, and no lease is left behind."""
    with sqlite3.connect(project.folder / "var" / "hypersync.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        held = database.execute("SELECT name FROM lease WHERE holder <> ''").fetchall()
        unfinished = database.execute(
            "SELECT count(*) FROM run WHERE state IN ('planning', 'executing')"
        ).fetchone()
    database.close()
    return held == [] and unfinished == (0,)


def test_up_runs_schedules_and_pages_stops_on_sigterm_and_goes_on_when_started_again(tmp_path):
    project = make_project(tmp_path, more=EVERY_SECOND)
    project.write_hr(people(3))
    service = project.start("up", "--port", "0", "--json")
    document = first_document(service)
    assert len(document["schedules"]) == 3
    wait_for_line(service, "sync delta every 1s")
    wait_for_line(service, "sync delta every 1s")
    assert get(document["address"])[0] == 200
    assert stop(service)[0] == 0
    assert is_sound(project)
    assert set(project.rows()) == {"uE000", "uE001", "uE002"}
    before = schedule_runs(project)
    assert len(before) == len(set(before))

    project.write_hr(people(4, title="Baker"))
    service = project.start("up", "--port", "0", "--json")
    wait_for_line(service, "sync delta every 1s")
    wait_for_line(service, "sync delta every 1s")
    wait_for_line(service, "sync delta every 1s")
    assert stop(service, signal.SIGINT)[0] == 0
    assert is_sound(project)
    assert [row["title"] for row in project.rows().values()] == ["Baker"] * 4
    assert set(schedule_runs(project)) > set(before)


def test_after_a_kill_the_next_one_goes_on_when_the_lease_has_run_out(tmp_path):
    project = make_project(tmp_path, more=EVERY_SECOND)
    project.write_hr(people(3))
    service = project.start("daemon")
    wait_for_line(service, "sync delta every 1s")
    service.kill()
    service.communicate()
    before = schedule_runs(project)
    project.write_hr(people(4))

    clock = Clock(SystemClock().now() + timedelta(minutes=1))
    with project.app(clock) as app:

        class Rounds:
            """An event that is set after a few looks; the clock goes on meanwhile."""

            left = 6

            def is_set(self):
                return self.left <= 0

            def wait(self, timeout=None):
                self.left -= 1
                clock.forward(seconds=2)
                return self.is_set()

        worker = Daemon(app, Rounds())
        for job in worker.jobs():
            worker.fire(job, worker.first(job)[0])
        worker.run()
    assert is_sound(project)
    assert set(project.rows()) == {"uE000", "uE001", "uE002", "uE003"}
    after = schedule_runs(project)
    assert len(after) == len(set(after))
    assert set(after) > set(before)


def test_serve_shows_pages_and_runs_nothing(tmp_path):
    project = make_project(tmp_path, more=EVERY_SECOND)
    project.write_hr(people(3))
    service = project.start("serve", "--port", "0", "--json")
    document = first_document(service)
    assert document["schedules"] == []
    assert get(document["address"], "/report/pending")[0] == 200
    assert stop(service)[0] == 0
    assert project.rows() == {}
    assert schedule_runs(project) == []


# --- one tick by hand --------------------------------------------------------------------------


def test_tick_delivers_what_waits_and_says_so(tmp_path, sink):
    project = make_project(tmp_path)
    project.process["TEST_SMTP_PORT"] = str(sink.port)
    project.write_hr(people(5, status="left"))
    project.write_users(users(5))
    code, nothing, _ = project.run("tick")
    assert (code, nothing["delivered"]["sent"]) == (0, 0)
    sink.stop()
    code, document, _ = project.run("sync", "--scan", "--commit")
    assert (code, document["counts"]["suspended"]) == (0, 5)
    sink.start()
    with project.app(Clock(SystemClock().now() + timedelta(hours=1))) as app:
        assert app.tick().delivered.sent == 1
    assert "disable" in str(sink.mails[0]["Subject"])
    with project.app() as app, app.store.snapshot() as unit:
        assert len(unit.actions.suspended()) == 5


def test_tick_tells_people_what_it_did(tmp_path, monkeypatch, capsys):
    project = make_project(tmp_path)
    for name, value in project.process.items():
        monkeypatch.setenv(name, value)
    file = str(project.folder / "config" / "hypersync.yaml")
    assert cli.invoke(["--config", file, "tick"]) == Exit.DONE
    assert capsys.readouterr().out == "Nothing was due.\n"


# --- where it listens --------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "iam.example.org", ""])  # noqa: S104
def test_only_the_loopback_is_listened_on(host):
    with pytest.raises(UsageError, match="without a sign-in the pages show everything"):
        listen(host, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.0.0.2"])
def test_every_name_of_this_machine_is_fine(host):
    with listen(host, 0) as taken:
        assert address_of(taken).startswith("http://")


def test_a_host_that_is_refused_ends_the_command_before_anything_ran(tmp_path):
    code, document, complaint = make_project(tmp_path).run("up", "--host", "0.0.0.0")  # noqa: S104
    assert code == Exit.USAGE
    assert document["error"]["code"] == "usage"
    assert "ssh -L" in complaint


@pytest.mark.parametrize(
    ("public_url", "port"),
    [
        ("http://127.0.0.1:9000", 9000),
        ("http://localhost:9001/", 9001),
        ("http://[::1]:9002", 9002),
        ("http://localhost", 8080),
        ("https://iam.example.org:444", 8080),
    ],
)
def test_the_usual_port_is_that_of_the_public_address_on_this_machine(public_url, port):
    assert port_of(public_url) == port


def test_what_is_being_answered_is_finished_before_the_pages_stop():
    def slow(environment, start):
        arrived.set()
        assert may_go_on.wait(10)
        start("200 OK", [("Content-Type", "text/plain")])
        return [b"done"]

    arrived, may_go_on = Event(), Event()
    taken = listen("127.0.0.1", 0)
    port = taken.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    with serving(slow, taken):
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert arrived.wait(10)
        Timer(0.1, may_go_on.set).start()
    answer = b""
    while part := client.recv(4096):
        answer += part
    client.close()
    assert answer.endswith(b"done")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_what_wakes_the_pages_may_be_written_to_until_they_have_stopped(monkeypatch):
    """The thread that stops them can be late: another may wake their loop before it does."""

    def late(waker):
        done = Event()
        waker.thunks.append(done.set)
        wake(waker)
        done.wait(5)
        wake(waker)

    wake = trigger._physical_pull
    monkeypatch.setattr(trigger, "_physical_pull", late)
    taken = listen("127.0.0.1", 0)
    port = taken.getsockname()[1]
    with serving(lambda _environment, _start: [], taken):
        pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
