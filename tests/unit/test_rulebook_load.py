"""Loading a rulebook: what it holds, and every mistake with its line and remedy."""

# ruff: noqa: E501 - rules and mistakes stand on one line each, as in a rule file

import pickle
from datetime import timedelta

import pytest

from hypersync.errors import ConfigurationError, EvaluationError
from hypersync.model.limit import parse_limit
from hypersync.model.objects import EnabledSpec, Operation
from hypersync.rulebook.load import examine_rulebook, load_rulebook
from hypersync.rulebook.nodes import Compiled
from hypersync.rulebook.rules import RuleKind
from tests.expressions import NOW, World
from tests.projects import load_project, write_project

MAIN = """\
secret_keys: ["${HYPERSYNC_SECRET_KEY}"]
silos:
  hr:
    connector: csv
    types: {person: {path: data/hr.csv, anchor: employeeId}}
  app:
    connector: csv
    write: true
    types:
      user: {path: data/u.csv, anchor: uid, enabled: {attribute: active, when_on: "1", when_off: "0"}}
      group: {path: data/g.csv, anchor: name, members: member}
joins:
  - {slot: hr, silo: hr, type: person, value: "employeeId", never_join: ["", "0", "N/A"]}
  - {slot: app, silo: app, type: user, value: "number", where: "not startswith(uid, 'adm-')"}
  - {slot: admin, silo: app, type: user, value: "number", where: "startswith(uid, 'adm-')", exact: true}
  - {slot: team, silo: app, type: group, join: none}
tables: {ou: {IT: "OU=IT"}}
vip:
  - {name: executives, when: "hr.level in ('C', 'VP')", expires: env.EXPIRES, attributes: [title]}
  - {name: board, when: "hr.title == 'Board'", global: false}
"""
ENVIRONMENTS = {"dev": "EXPIRES: 12h\nTHROTTLE: 1.00:00:00\nSOON: soon\nLIMIT: '9'\n"}
RULES = """\
ruleset: users
defaults: {throttle: 1h, threshold: {limit: 5%, expires: env.EXPIRES}}
scopes:
  active: "hr.status == 'active'"
rules:
  - id: provision
    kind: provision
    target: app
    scopes: [active]
    when: "hr.start == text(today()) and present(hr.mail) and Count(True, 'new', '1h') <= 10"
    required: [uid]
    set: {uid: hr.employeeId, company: {text: "ACME's"}}
    once: {login: "unique(('app.login', 'admin.alias'), lower(hr.surname), max=8)", password: "initial_password()"}
    throttle: env.THROTTLE
    vip: [board]
  - {id: flow, kind: update, target: app, scopes: [active], set: {boss: "ref('app', hr.boss)"}, clear_if_missing: [boss]}
  - {id: leave, kind: deprovision, target: app, when: "hr.status == 'left' and app.enabled", do: disable, threshold: {limit: 3}}
  - {id: team, kind: membership, group: {slot: team, where: "cn == 'sales'"}, member: app, scopes: [active], mode: authoritative}
  - {id: move, kind: update, target: app, scopes: [active], do: {move: "table('ou', hr.ou)"}, throttle: "span('1h') if hr.level == 'C' else span('2h')"}
  - {id: hello, kind: event, when: "app.exists", do: {webhook: "https://x.example.org/"}, wake: "date(hr.end)"}
  - {id: off, kind: update, target: app, enabled: false, set: {note: hr.note}}
"""


def rulebook_of(folder, rules=RULES, main=MAIN, **given):
    path = write_project(folder, main, rules=rules, environments=ENVIRONMENTS)
    return load_rulebook(load_project(path), **given)


def mistakes_of(folder, rule="", *, main=MAIN, rules=None, schemas=None):
    text = "ruleset: users\nrules:\n  - {" + rule + "}\n" if rules is None else rules
    path = write_project(folder, main, rules=text, environments=ENVIRONMENTS)
    return examine_rulebook(load_project(path), schemas=schemas)[1]


def test_rules_are_read_in_file_order_without_the_disabled_ones(tmp_path):
    book = rulebook_of(tmp_path)

    assert [rule.id for rule in book.rules] == [
        "provision", "flow", "leave", "team", "move", "hello",
    ]  # fmt: skip
    assert [rule.index for rule in book.rules] == list(range(6))
    assert book.rule("flow") is book.rules[1]
    assert book.rule("off") is None


def test_provision_rule_holds_what_the_file_says(tmp_path):
    rule = rulebook_of(tmp_path).rules[0]

    assert rule.kind is RuleKind.PROVISION
    assert (rule.target, rule.ruleset) == ("app", "users")
    assert (rule.file, rule.line) == ("rules/users.yaml", 6)
    assert rule.pure.source == (
        "app is empty and hr.status == 'active' and hr.start == text(today()) and present(hr.mail)"
    )
    assert rule.counting is not None
    assert rule.counting.source == "Count(True, 'new', '1h') <= 10"
    assert rule.throttle == timedelta(days=1)
    assert rule.threshold.expires == timedelta(hours=12)
    assert rule.threshold.limit == parse_limit("5%")
    assert rule.vips == ("board",)
    assert set(rule.once) == {"login", "password"}


def test_other_kinds_hold_what_the_file_says(tmp_path):
    book = rulebook_of(tmp_path)
    _, flow, leave, team, move, hello = book.rules

    assert flow.throttle == timedelta(hours=1)
    assert flow.clear_if_missing == {"boss"}
    assert leave.do is not None
    assert leave.do.operation is Operation.DISABLE
    assert team.target == "app"
    assert team.mode == "authoritative"
    assert team.group is not None
    assert team.group.slot == "team"
    assert team.group.matches({"cn": "sales"})
    assert not team.group.matches({"cn": "it"})
    assert not team.group.matches({})
    assert move.do is not None
    assert move.do.operation is Operation.MOVE
    assert isinstance(move.throttle, Compiled)
    assert hello.target == ""
    assert hello.do is not None
    assert (hello.do.operation, hello.do.address) == (Operation.EVENT, "https://x.example.org/")
    assert hello.threshold.limit == parse_limit("100")


def test_slots_know_their_type_and_how_enabled_is_stored(tmp_path):
    book = rulebook_of(tmp_path)

    assert [slot.name for slot in book.slots] == ["hr", "app", "admin", "team"]
    assert book.slot("app").enabled == EnabledSpec("active", "1", "0")
    assert book.slot_index("admin") == 2
    with pytest.raises(KeyError):
        book.slot("nobody")


def test_attributes_that_joins_and_rules_name_are_always_read(tmp_path):
    book = rulebook_of(tmp_path)

    assert book.attributes["hr", "person"] == {
        "employeeId", "status", "start", "mail", "surname", "boss", "ou", "level", "title", "end",
    }  # fmt: skip
    assert book.attributes["app", "user"] == {
        "number", "uid", "company", "login", "alias", "boss", "active", "dn",
    }  # fmt: skip
    assert book.attributes["app", "group"] == {"cn"}
    assert book.decoded["app"] == {"boss", "login", "active"}


def test_join_rules_give_normal_keys(tmp_path):
    hr, app, admin, team = rulebook_of(tmp_path).joins

    assert hr.key({"employeeId": "  e\u0301\u00df7 "}) == "\u00e9ss7"
    assert [hr.key({"employeeId": each}) for each in ("n/a", "0", None, " ")] == [None] * 4
    assert hr.key({"employeeId": 7}) == "7"
    assert admin.key({"number": "Ab"}) == "Ab"
    assert (app.holds({"uid": "ann"}), app.holds({"uid": "adm-ann"}), app.holds({})) == (
        True,
        False,
        False,
    )
    assert team.none
    assert team.key({"name": "x"}) is None
    with pytest.raises(EvaluationError):
        hr.key({"employeeId": ("a", "b")})


def test_rulebook_travels_to_another_process(tmp_path):
    book = rulebook_of(tmp_path)
    travelled = pickle.loads(pickle.dumps(book))  # noqa: S301 - just made

    assert travelled.revision == book.revision
    assert travelled.joins[0].key({"employeeId": "A"}) == "a"
    assert travelled.rules[3].group.matches({"cn": "sales"})
    evaluator = travelled.bind(NOW, World())
    hr = evaluator.layouts[0].of({"status": "left"})
    app = evaluator.layouts[1].of({"active": "1"})
    assert evaluator.fused((hr, app, None, None), 0, 0, 0)[2] is True


def test_bound_rulebook_evaluates(tmp_path):
    evaluator = rulebook_of(tmp_path).bind(NOW, World())
    hr = evaluator.layouts[0].of(
        {"status": "active", "start": "2026-03-02", "mail": "a@b", "level": "X", "title": "t"}
    )

    assert evaluator.fused((hr, None, None, None), 0, 0, 0) == (True, *[False] * 7)


def revision_with(folder, old, new, env=None):
    environments = {"dev": ENVIRONMENTS["dev"].replace(*env)} if env else ENVIRONMENTS
    path = write_project(folder, MAIN, rules=RULES.replace(old, new), environments=environments)
    book = load_rulebook(load_project(path))
    return book.revision, {rule.id: rule.content_hash for rule in book.rules}


def test_revision_and_content_change_with_what_decides_only(tmp_path):
    revision, content = revision_with(tmp_path / "a", "", "")
    commented, same = revision_with(tmp_path / "b", "rules:", "# a comment\nrules:")
    assert (commented, same) == (revision, content)

    limited, guarded = revision_with(tmp_path / "c", "limit: 3", "limit: 4")
    assert limited != revision
    assert guarded == content

    changed, moved = revision_with(tmp_path / "d", "hr.status == 'left'", "hr.status == 'gone'")
    assert changed != revision
    assert {rule for rule in content if content[rule] != moved[rule]} == {"leave"}

    _, scoped = revision_with(tmp_path / "e", "hr.status == 'active'", "hr.status == 'on'")
    assert {rule for rule in content if content[rule] != scoped[rule]} == {
        "provision", "flow", "team", "move",
    }  # fmt: skip


def test_environment_a_rule_reads_is_part_of_its_content(tmp_path):
    rules = RULES.replace("hr.boss)", "env.THROTTLE)")
    path = write_project(tmp_path, MAIN, rules=rules, environments=ENVIRONMENTS)
    one = load_rulebook(load_project(path))
    other = load_rulebook(load_project(path), {"EXPIRES": "12h", "THROTTLE": "2h"})

    changed = [a.id for a, b in zip(one.rules, other.rules, strict=True)
               if a.content_hash != b.content_hash]  # fmt: skip
    assert changed == ["flow"]


FLOW = "id: x, kind: update, target: app, set: {note: hr.note}"


@pytest.mark.parametrize(
    ("rule", "said", "remedy"),
    [
        ("id: x, kind: update, target: ap, set: {a: hr.b}", "there is no slot 'ap'", "'app'"),
        ("id: x, kind: update, set: {a: hr.b}", "has no target:", "target: SLOT"),
        ("id: x, kind: update, target: hr, set: {a: hr.b}", "only read", "write: true"),
        ("id: x, kind: update, target: team, do: enable", "how enabled is stored", "enabled:"),
        (f'{FLOW}, when: "team.enabled"', "how enabled is stored", "enabled:"),
        (f"{FLOW}, scopes: [activ]", "there is no scope 'activ'", "there are no scopes"),
        (f"{FLOW}, vip: [boards]", "there is no VIP rule 'boards'", "'board'"),
        (f'{FLOW}, when: "hx.a == 1"', "there is no slot 'hx'", "slots: admin"),
        (f'{FLOW}, when: "lowr(hr.a) == 1"', "there is no function 'lowr'", "'lower'"),
        (f'{FLOW}, when: "hr.a == env.EXPIRE"', "no variable 'EXPIRE'", "'EXPIRES'"),
        (f'{FLOW}, when: "1 == 1"', "is constant", "depends on the identity"),
        (f"{FLOW}, when: \"hr.a == 1 or 'a' in ('a',)\"", "is constant", "depends"),
        (f'{FLOW}, when: "lower(hr.a)"', "gives text", "depends on the identity"),
        (f'{FLOW}, when: "len(hr.a) == \'1\'"', "is a number and", "one type"),
        (f'{FLOW}, when: "startswith(len(hr.a), \'1\')"', "startswith() wants text", "one type"),
        (f'{FLOW}, when: "not lower(hr.a)"', "need true or false", "one type"),
        (f'{FLOW}, when: "hr.a < (1, 2)"', "", ""),
        (
            f"{FLOW}, when: \"Count(True, 'a', '1h') <= 1 and hr.a == 1\"",
            "only in the last 'and' operand",
            "write it last",
        ),
        ("id: x, kind: update, target: app, set: {n: \"Count(True, 'a', '1h')\"}", "not stand here", "last"),
        (f"{FLOW}, throttle: soonish", "neither a time span nor an expression", "1h30m"),
        (f"{FLOW}, throttle: env.SOON", "is no time span: 'soon'", "1h30m"),
        (f'{FLOW}, throttle: "len(hr.a)"', "gives a number, not a time span", "span("),
        (f"{FLOW}, threshold: {{expires: hr.span}}", "depends on the identity", "24h"),
        (f"{FLOW}, threshold: {{expires: env.LIMIT}}", "is no time span", "1h30m"),
        (f"{FLOW}, threshold: {{attribute: {{nate: 2%}}}}", "attribute set by this rule 'nate'", "'note'"),
        ("id: x, kind: event, when: \"app.exists\", do: {webhook: x}, threshold: {limit: 5%}",
         "has a percentage as limit", "write a number"),
        ("id: x, kind: event, do: {webhook: x}", "neither scopes nor when:", "add when:"),
        ('id: x, kind: event, when: "app.exists", do: disable', "cannot disable", "kind: deprovision"),
        ("id: x, kind: update, target: app, do: disable", "cannot disable", "kind: deprovision"),
        ('id: x, kind: deprovision, target: app, when: "hr.a == 1", do: enable', "cannot enable", "kind: update"),
        ('id: x, kind: deprovision, target: app, when: "hr.a == 1"', "does nothing", "disable or delete"),
        ("id: x, kind: deprovision, target: app, do: disable", "would take everything", "add when:"),
        ("id: x, kind: update, target: app", "must either set", "set: or do:"),
        (f"{FLOW}, do: enable", "must either set", "set: or do:"),
        ("id: x, kind: provision, target: app", "sets nothing", "add set:"),
        (f"{FLOW}, once: {{a: hr.b}}", "a rule of kind update has no once:", "provision"),
        (f"{FLOW}, mode: additive", "has no mode:", "membership"),
        (f"{FLOW}, repeatable: true", "has no repeatable:", "event"),
        (f"{FLOW}, clear_if_missing: [nate]", "does not set it", "add it to set:"),
        ("id: x, kind: provision, target: app, set: {a: hr.b}, required: [c]", "does not set it", "add it"),
        ("id: x, kind: membership, member: app", "has no group:", "write group:"),
        ("id: x, kind: membership, group: {slot: team, where: \"cn == 'a'\"}", "has no member:", "member: SLOT"),
        ("id: x, kind: membership, group: {slot: tem, where: \"cn == 'a'\"}, member: app",
         "there is no slot 'tem'", "'team'"),
        ("id: x, kind: membership, group: {slot: app, where: \"cn == 'a'\"}, member: app",
         "does not say where members are", "members: ATTRIBUTE"),
        ("id: x, kind: membership, group: {slot: team, where: \"hr.cn == 'a'\"}, member: app",
         "one object only", "the attribute alone"),
        ("id: x, kind: update, target: app, set: {a: \"table('oo', hr.b)\"}", "no table 'oo'", "tables: ou"),
        ("id: x, kind: update, target: app, set: {a: \"table(hr.b, hr.b)\"}", "as text", "quotes"),
        ("id: x, kind: update, target: app, set: {a: \"ref('ap', hr.b)\"}", "no slot 'ap'", "'app'"),
        ("id: x, kind: provision, target: app, once: {a: \"unique(('app',), hr.b)\"}", "no attribute of a slot", "slot.attribute"),
        ("id: x, kind: provision, target: app, once: {a: \"unique(('ap.b',), hr.b)\"}", "no slot 'ap'", "'app'"),
        ("id: x, kind: provision, target: app, once: {a: \"unique(hr.b, hr.b)\"}", "names as text", "unique(("),
        ("id: x, kind: update, target: app, set: {a: \"initial_password()\"}", "may not stand here", "once:"),
    ],
)  # fmt: skip
def test_mistake_is_found_with_its_line_and_remedy(tmp_path, rule, said, remedy):
    found = mistakes_of(tmp_path, rule)

    if not said:
        assert found == []
        return
    assert len(found) == 1, [str(each) for each in found]
    assert said in found[0].message
    assert remedy in found[0].remedy
    assert (found[0].file, found[0].line) == ("rules/users.yaml", 3)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('value: "employeeId"', 'value: "now()"', "now() may not stand here"),
        ('value: "employeeId"', 'value: "hr.employeeId"', "one object only"),
        ("\"startswith(uid, 'adm-')\"", '"True"', "is constant"),
        ("hr.level in ('C', 'VP')", "lower(hr.level)", "gives text"),
        ("expires: env.EXPIRES", "expires: hr.span", "depends on the identity"),
        ("expires: env.EXPIRES", "expires: env.SOON", "is no time span"),
    ],
)
def test_mistake_in_joins_and_vip_rules_is_found(tmp_path, old, new, said):
    found = mistakes_of(tmp_path, FLOW, main=MAIN.replace(old, new))

    assert len(found) == 1
    assert said in found[0].message
    assert found[0].file == "config/hypersync.yaml"
    assert found[0].line > 10


def test_duplicate_ids_are_found_across_files(tmp_path):
    one = "ruleset: one\nrules:\n  - {id: x, kind: update, target: app, set: {a: hr.a}}\n"
    two = "ruleset: two\nrules:\n  - {id: x, kind: update, target: app, set: {b: hr.b}}\n"
    found = mistakes_of(tmp_path, rules={"one.yaml": one, "two.yaml": two})

    assert [str(each) for each in found] == [
        "rules/two.yaml:3: there is already a rule 'x' in rules/one.yaml:3; choose another id"
    ]


TWO_FLOWS = """\
ruleset: users
rules:
  - {id: one, kind: update, target: app, set: {a: hr.a, b: hr.b}%s}
  - {id: two, kind: update, target: app, set: {a: hr.c}%s}
"""


@pytest.mark.parametrize(
    ("first", "second", "lines"),
    [
        ("", "", [3, 4]),
        (", precedence: 1", "", [4]),
        (", precedence: 1", ", precedence: 1", [3, 4]),
        (", precedence: 1", ", precedence: 0", []),
        ("", ", enabled: false", []),
    ],
)
def test_two_rules_that_flow_one_attribute_need_a_precedence(tmp_path, first, second, lines):
    found = mistakes_of(tmp_path, rules=TWO_FLOWS % (first, second))

    assert [mistake.line for mistake in found] == lines
    assert all("app.a is also set by" in mistake.message for mistake in found)


def test_attributes_are_checked_where_the_schema_is_known(tmp_path):
    rule = "id: x, kind: update, target: app, set: {titel: hr.titel}"
    schemas = {("hr", "person"): frozenset({"title", "employeeId", "level"}), ("app", "user"): None}
    found = mistakes_of(tmp_path, rule, schemas=schemas)

    assert [str(each) for each in found] == [
        "rules/users.yaml:3: hr has no attribute 'titel'; did you mean 'title'?"
    ]
    schemas = {("app", "user"): frozenset({"title", "uid", "number"})}
    found = mistakes_of(tmp_path, rule, schemas=schemas)
    assert [each.message for each in found] == ["there is no attribute 'titel'"]
    assert (
        mistakes_of(tmp_path, "id: x, kind: update, target: app, set: {dn: hr.a}", schemas=schemas)
        == []
    )


def test_every_mistake_is_reported_at_once(tmp_path):
    rules = """\
ruleset: users
scopes: {active: "hr.status = 'active'"}
rules:
  - {id: one, kind: update, target: app, scopes: [active], when: "foo.a == lowr(hr.b)", set: {a: hr.a}}
  - {id: one, kind: update, target: nowhere, set: {a: "9**9**9"}}
"""
    path = write_project(tmp_path, MAIN, rules=rules, environments=ENVIRONMENTS)

    with pytest.raises(ConfigurationError) as caught:
        load_rulebook(load_project(path))

    assert [mistake.line for mistake in caught.value.mistakes] == [2, 4, 4, 5, 5, 5]


def test_whole_simulation_reaches_every_rule(tmp_path):
    book = rulebook_of(tmp_path, main=MAIN + "guards: {simulate: true}\n")

    assert all(rule.simulate for rule in book.rules)


@pytest.mark.parametrize(
    ("when", "is_wrong"),
    [
        ("date(hr.a) + span('1d') == 'x'", True),
        ("today() - span('1d') < now()", True),
        ("today() - today() == span('1d') and hr.a == 1", False),
        ("lower(hr.a)[0:1] == 1", True),
        ("hr.a[0:1] == 1", False),
        ("('a' if hr.x == 1 else 'b') == 1", True),
        ("(1 if hr.x == 1 else 'b') == 1", False),
        ("hr.a % 2 == 'x'", True),
        ("lower(hr.a) + upper(hr.b) == 1", True),
        ("span(hr.a) + span('2h') == 1", True),
        ("len(hr.a) / 2 == 'x'", True),
        ("hr.a + 1 == 'x'", False),
        ("(hr.a == 1) < (hr.b == 2)", True),
        ("('a' if lower(hr.x) else 'b') == 'c'", True),
        ("missing(hr.a) == 1", True),
        ("present(hr.a) == (1 == None)", False),
        ("hr.a == (hr.b, 'c')", False),
        ("lower(hr.a) == (hr.b, 'c')", True),
        ("env.EXPIRES == 1 and hr.a == 2", True),
        ("disabled_by_us(app)", False),
    ],
)
def test_types_that_cannot_fit_are_found_before_anything_runs(tmp_path, when, is_wrong):
    found = mistakes_of(tmp_path, f'{FLOW}, when: "{when}"')

    assert bool(found) is is_wrong, [str(each) for each in found]


def test_place_and_names_of_a_new_object_are_read(tmp_path):
    rule = (
        "id: x, kind: provision, target: app, set: {uid: hr.id}, "
        "place: {parent: \"table('ou', hr.ou)\", rdn: \"'CN=' + dn_escape(hr.name)\"}"
    )
    path = write_project(
        tmp_path,
        MAIN,
        rules="ruleset: users\nrules:\n  - {" + rule + "}\n",
        environments=ENVIRONMENTS,
    )
    book = load_rulebook(load_project(path))

    assert book.rules[0].place is not None
    assert book.decoded["hr"] >= {"ou", "name", "id"}
    assert "dn" in book.attributes["app", "user"]


def test_name_to_be_unique_is_checked_where_the_schema_is_known(tmp_path):
    rule = "id: x, kind: provision, target: app, once: {uid: \"unique(('app.logn',), hr.a)\"}"
    schemas = {("app", "user"): frozenset({"uid", "login", "number"})}

    found = mistakes_of(tmp_path, rule, schemas=schemas)

    assert [each.remedy for each in found] == ["did you mean 'login'?"]


def test_time_span_may_be_calculated_from_the_environment(tmp_path):
    rules = RULES.replace("throttle: env.THROTTLE", 'throttle: "span(env.THROTTLE) * 2"')

    assert rulebook_of(tmp_path, rules).rules[0].throttle == timedelta(days=2)
    found = mistakes_of(tmp_path, f"{FLOW}, throttle: \"span('1h') - span('2h')\"")
    assert "is no time span" in found[0].message
    found = mistakes_of(tmp_path, f'{FLOW}, throttle: "env.THROTLE"')
    assert found[0].remedy == "did you mean 'THROTTLE'?"


def test_throttle_by_identity_is_an_expression(tmp_path):
    book = rulebook_of(tmp_path)
    evaluator = book.bind(NOW, World())
    chief = evaluator.layouts[0].of({"level": "C"})
    throttle = book.rules[4].throttle

    assert isinstance(throttle, Compiled)
    assert evaluator.value(throttle, (chief, None, None, None), 0, 0, 0) == timedelta(hours=1)
