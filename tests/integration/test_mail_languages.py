"""Each reader's language and clocks, from what a guard stopped to the mail."""

from dataclasses import replace

from hypersync.approvals.decide import Ballot, OfRequest, decide
from hypersync.messages import rows, views
from hypersync.messages.words import Words
from hypersync.model.causes import Cluster
from hypersync.model.requests import Answer, Plan, Step
from hypersync.model.said import say
from tests.asking import HOUR, NOON, person, stopped
from tests.integration.test_mail import send
from tests.postgresql import both_databases
from tests.smtp_sink import sink
from tests.worlds import world

__all__ = ["sink", "world"]
SENTENCE = say("{who} would delete {whom}{where}: {why}", who="r", whom="x", where="", why="y")
CAUSE = say(
    "{part} of {count} share {what}{news}{first}", part=3, count=4, what="a=1", news="", first=""
)


def test_everybody_reads_their_own_language_on_their_own_clocks(tmp_path, sink):
    world = stopped(
        tmp_path,
        person("ann", timezone="America/New_York"),
        person("bob", language="de", timezone="Europe/Berlin"),
    )
    clusters = [Cluster("1", say("{name}={value}{where}", name="a", value="1", where=""), 3)]
    rest = Cluster("rest", say("the rest"), 1)
    ids = [*world.suspend(3, cluster="1"), *world.suspend(1, first=9, cluster="rest")]
    request = world.ask(ids, sentence=SENTENCE, cause=CAUSE, clusters=[*clusters, rest])
    send(world, sink.port)
    english, german = sink.text(0), sink.text(1)
    assert sink.mails[0]["Subject"] == "r would delete x: y"
    assert sink.mails[1]["Subject"] == "r würde x löschen: y"
    assert "3 of 4 share a=1" in english
    assert "3 von 4 haben gemeinsam: a=1" in german
    assert "Tue 3 Mar 2026, 07:00 EST" in english
    assert "Di. 3. März 2026, 13:00 MEZ" in german
    assert "1  alle übrigen" in german
    assert "1  the rest" in english
    assert "BESTÄTIGUNGSCODE" in german
    ballot = Ballot(answer=Answer.REJECT, by="person:ann", proof="session")
    decide(world.store, OfRequest(request.id), ballot, now=NOON + HOUR, settings=world.settings)
    send(world, sink.port, NOON + HOUR)
    assert "Abgelehnt von Ann Ng" in sink.text(3)
    assert sink.mails[3]["Subject"] == f"Re: {sink.mails[1]['Subject']}"


def test_a_list_reads_the_language_of_the_installation(tmp_path, sink):
    plan = Plan(name="p", steps=(Step(to="email:list@example.org", inform=True),))
    world = stopped(tmp_path, plans=[plan], language="de")
    world.ask(world.suspend(), plan="p", sentence=SENTENCE)
    send(world, sink.port)
    assert sink.mails[0]["Subject"] == "r würde x löschen: y"
    assert "Sie erhalten dies zur Kenntnis." in sink.html()


def test_who_has_no_language_of_their_own_reads_the_installations(tmp_path, sink):
    world = stopped(tmp_path, person("ann"), person("bob", language="en"), language="de")
    world.ask(world.suspend(), sentence=SENTENCE)
    send(world, sink.port)
    assert [mail["Subject"] for mail in sink.mails] == [
        "r würde x löschen: y",
        "r would delete x: y",
    ]


def test_a_request_from_before_languages_is_asked_about_in_english_words(tmp_path, sink):
    world = stopped(tmp_path, person("bob", language="de"))
    world.ask(world.suspend(), sentence="disable-leaver would disable Bo")
    send(world, sink.port)
    assert sink.mails[0]["Subject"] == "disable-leaver would disable Bo"
    assert "Freigeben:" in sink.text()


def test_what_a_problem_is_is_said_too(tmp_path, sink):
    plan = Plan(name="p", steps=(Step(to="person:ann"),), need=2)
    world = stopped(tmp_path, person("ann", language="de"), plans=[plan])
    world.ask(world.suspend(), plan="p")
    send(world, sink.port)
    assert "Hinweis: 2 müssen freigeben, aber nur 1 dürfen antworten." in " ".join(
        sink.text().split()
    )


@both_databases
def test_what_a_real_sync_stopped_is_said_in_german(world):
    world.people(range(1, 41))
    world.leave(*range(1, 21))
    world.run()
    with world.app.store.snapshot() as unit:
        requests = list(unit.requests.open())
        actions = {each.id: unit.actions.of_request(each.id) for each in requests}
    assert requests
    german = Words("de", "Europe/Berlin")
    for request in requests:
        said = views.sentence_of(request, german)
        assert "würde" in said or "angehalten" in said, said
        for action in actions[request.id]:
            row = rows.row_view(action, words=german, book=request.detail["said"])
            assert "allowed" not in row.why
            english = rows.row_view(replace(action), book=request.detail["said"])
            assert row.why != english.why


@both_databases
def test_what_a_scan_was_stopped_for_is_said_in_german(world):
    world.people(range(1, 8))
    world.run()
    for number in range(1, 8):
        world.hr.remove("person", f"e{number}")
    world.app.scan(("hr",), full=True)
    with world.app.store.snapshot() as unit:
        (request,) = [each for each in unit.requests.open() if each.scan]
    assert views.sentence_of(request, Words("de")) == (
        "Der Scan von hr/person wurde angehalten: er ist leer, und es gab 7 Objekte."
    )
