from __future__ import annotations

import copy
import pickle
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from docs.configuration import configuration_page
from hypersync.config.in_force import describe, in_force
from hypersync.config.load import load_configuration
from hypersync.config.mistakes import known_keys
from hypersync.config.models import JoinConfig, ProjectFile, RuleFile, SiloConfig, TypeConfig
from hypersync.config.salvage import salvage
from hypersync.config.source import Place, Section
from hypersync.errors import ConfigurationError
from hypersync.model.limit import Limit
from hypersync.model.mistake import Level
from tests.projects import MAIN, RULES, load_project, mistakes_of_project, write_project

EXAMPLE = Path(__file__).parent.parent / "examples" / "handbook"


def sentences(path, env=None, process=None):
    return [str(mistake) for mistake in mistakes_of_project(path, env, process)]


def test_a_project_loads(tmp_path):
    configuration = load_project(write_project(tmp_path))
    assert configuration.root == tmp_path
    assert configuration.environment_name == "dev"
    assert configuration.environment == {}
    assert configuration.silos["hr"].connector == "csv"
    assert configuration.silos["hr"].source_guard.drop == Limit(parts=5_000_000)
    assert configuration.guards.approval_valid == timedelta(days=7)
    assert [rule.id for file in configuration.rule_files for rule in file.rules] == ["flow-title"]


def test_the_example_of_the_handbook_has_warnings_only():
    found = mistakes_of_project(
        EXAMPLE / "config/hypersync.yaml",
        "prod",
        {"HYPERSYNC_SECRET_KEY": "x" * 16, "AD_PASSWORD": "geheim"},
    )
    assert [str(mistake) for mistake in found] == [
        "rules/ad-users.yaml:20: warning: there is no plan 'iam-team'; until there is, everybody "
        "with the role approver is asked; add it under plans:",
        "rules/ad-users.yaml:21: warning: failure policies are not carried out yet; a failed "
        "action is in the run; watch the errors of runs until they are",
    ]


def test_no_configuration_is_one_mistake_that_names_init(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(None, None, process_environment={})
    assert str(caught.value) == (
        "config/hypersync.yaml: there is no such file; run 'hypersync init DIR' for a new "
        "project, or name the file with --config"
    )


def test_every_mistake_is_said_at_once(tmp_path):
    path = write_project(
        tmp_path,
        MAIN.replace("connector: csv", "conector: csv", 1)
        + "mail: {port: many, rows: 1_000}\ntabels: {}\n",
        rules=RULES.replace("target", "targte") + "  - {id: x, kind: uptade}\n",
        environments={"qa": "A: [1]\n"},
    )
    assert sentences(path, "qa") == [
        "config/hypersync.yaml:4: silos.hr.connector is missing; add it",
        "config/hypersync.yaml:14: mail.port: 'many' is not a whole number; write digits only, "
        "such as 100",
        "config/hypersync.yaml:14: mail.rows: '1_000' is not a whole number; write digits only, "
        "such as 100",
        "config/hypersync.yaml:15: tabels is not known here; did you mean 'tables'?",
        "config/env/qa.yaml:1: 'A' is no variable; write NAME: value with letters, digits and '_'",
        "rules/users.yaml:3: rules.0.targte is not known here; did you mean 'target'?",
        "rules/users.yaml:4: rules.1.kind cannot be 'uptade'; write 'provision', 'update', "
        "'deprovision', 'membership' or 'event'",
    ]


def test_the_error_holds_the_same_mistakes_without_the_warnings(tmp_path):
    path = write_project(tmp_path, MAIN + "wrong: 1\n")
    path.parent.parent.joinpath("rules", "old.yml").touch()
    found = mistakes_of_project(path)
    assert [mistake.level for mistake in found] == [Level.ERROR, Level.WARNING]
    with pytest.raises(ConfigurationError) as caught:
        load_project(path)
    assert list(caught.value.mistakes) == found[:1]


def test_what_is_left_of_a_file_with_mistakes_is_still_checked(tmp_path):
    path = write_project(
        tmp_path,
        MAIN.replace("silo: app", "silo: apps") + "mail: {port: many}\nguards: {relase: own}\n",
        rules=RULES + "  - {id: two, kind: update, target: app, owner: nobody}\n  - {id: three}\n",
    )
    assert sentences(path) == [
        "config/hypersync.yaml:14: mail.port: 'many' is not a whole number; write digits only, "
        "such as 100",
        "config/hypersync.yaml:15: guards.relase is not known here; did you mean 'release'?",
        "rules/users.yaml:5: rules.2.kind is missing; add it",
        "config/hypersync.yaml:13: there is no silo 'apps'; did you mean 'app'?",
        "rules/users.yaml:4: there is no person 'nobody'; add them under people:",
    ]


@pytest.mark.parametrize("key", ["secret_keys", "silos", "joins"])
def test_what_every_project_needs_is_missed(tmp_path, key):
    lines, keeps = [], True
    for line in MAIN.splitlines(keepends=True):
        keeps = not line.startswith(key) and (keeps or not line.startswith(" "))
        lines += [line] if keeps else []
    found = sentences(write_project(tmp_path, "".join(lines), rules={}))
    assert any(f"{key} is missing" in sentence for sentence in found)


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        ("people: [ann]", "people must be a mapping; write 'name: value' entries"),
        ("vip: {name: x}", "vip must be a list; write [a, b] or '- a' lines"),
        ("public_url: {a: b}", "public_url must be one value; write it as text"),
        ("public_url: iam.example.org", "is no address; write for instance https://"),
        ("installation: ..", "installation: '..' is no name"),
        ("tables: {ou: {Sales: [a]}}", "tables.ou.Sales must be one value"),
        ("guards: {simulate: on}", "guards.simulate: 'on' is neither true nor false"),
        ("guards: {delta: {max_duration: 60}}", "write '60s' for seconds or '60m' for minutes"),
        ("blackout: {windows: [weekend]}", "blackout.windows.0: 'weekend' is no window"),
        ("blackout: {timezone: UTC}", "blackout.windows is missing"),
        ("schedules: [{sync: full, every: 1h, timezone: Mars}]", "'Mars' is no time zone"),
        ("schedules: [{scan: hr}]", "this scan never runs; write full: or delta:"),
        ("schedules: [{scan: hr, sync: full, at: 0 3 * * *}]", "is for a scan or a sync"),
        ("schedules: [{sync: full}]", "a sync needs at: (cron) or every: (a time span)"),
        ("schedules: [{sync: full, every: 1h, full: every 1h}]", "a sync has no 'full'"),
        ("schedules: [{scan: hr, full: every 1h, at: 0 3 * * *}]", "a scan has no 'at'"),
        ("people: {ann: {email: ann}}", "people.ann.email: 'ann' is no mail address"),
        ("people: {ann: {email: a@b, rolls: []}}", "did you mean 'roles'?"),
        ('mail: {sender: "a\\nBcc: b"}', "mail.sender: this is not one line of text"),
        ("database: mysql://u:geheim@h/x", "database: this is no database; write for instance"),
        ("roles: {boss: {groups: []}}", "roles.boss cannot be 'boss'; write 'viewer', 'approver'"),
        ("vip: [{name: x}]", "vip.0.when is missing; add it"),
        ("secret_keys: [short]", "a secret key is too short; give at least 16 characters"),
        ("plans: {p: {steps: []}}", "plans.p.steps is empty; give at least one entry"),
        ("plans: {p: {steps: [{to: fax}]}}", "'fax' is no destination; write 'person:NAME'"),
        ("plans: {p: {steps: [{to: 'person:'}]}}", "'person:' names nobody"),
        ("plans: {p: {steps: [{to: 'email:x'}]}}", "'x' is no mail address"),
        ("plans: {p: {steps: [{to: 'email:', until: {steps: 0}}]}}", "write a whole number from 1"),
        ("plans: {p: {steps: [{to: 'email:', until: 0s}]}}", "until: '0s' is no time at all"),
        ("plans: {p: {steps: [{to: 'email:', until: {plan: false}}]}}", "until takes one of"),
    ],
)
def test_a_wrong_value_says_where_and_what_would_be_right(tmp_path, extra, sentence):
    main = "\n".join(
        line for line in MAIN.splitlines() if line.split(":")[0] != extra.split(":")[0]
    )
    path = write_project(tmp_path, f"{main}\n{extra}\n")
    found = sentences(path)
    assert len(found) == 1
    assert found[0].startswith(f"config/hypersync.yaml:{len(main.splitlines()) + 1}: ")
    assert sentence in found[0]


@pytest.mark.parametrize("slot", ["and", "env", "two words", "ad-admin", "ä"])
def test_a_slot_must_be_a_name_that_expressions_can_use(tmp_path, slot):
    path = write_project(tmp_path, MAIN.replace("slot: app", f"slot: {slot}"))
    assert any("cannot name a slot" in sentence for sentence in sentences(path))


def test_a_join_needs_a_value_or_none(tmp_path):
    path = write_project(tmp_path, MAIN.replace('value: "lower(number)"', "exact: true"))
    assert sentences(path) == [
        "config/hypersync.yaml:13: joins.1: a join needs either a value or 'join: none'; "
        'write for instance value: "lower(employeeId)"'
    ]


def test_a_main_file_that_is_not_yaml_does_not_hide_mistakes_in_rules(tmp_path):
    path = write_project(tmp_path, "a: [", rules=RULES + "extra: 1\n")
    first, second = sentences(path)
    assert first.startswith("config/hypersync.yaml:1: this is not YAML")
    assert second.startswith("rules/users.yaml:4: extra is not known here")


def test_secrets_come_from_the_environment_a_file_or_dotenv_in_that_order(tmp_path):
    path = write_project(tmp_path, MAIN + 'mail: {user: u, password: "${SMTP_PASSWORD}"}\n')

    def password(**process):
        process = {"HYPERSYNC_SECRET_KEY": "x" * 16, **process}
        configuration = load_configuration(path, None, process_environment=process)
        assert configuration.mail.password is not None
        return configuration.mail.password.reveal()

    (tmp_path / ".env").write_text("# c\nexport SMTP_PASSWORD='from dotenv' # c\nOTHER=1 # c\n")
    (tmp_path / "secret").write_text("from file\n")
    assert password() == "from dotenv"
    file, direct = {"SMTP_PASSWORD_FILE": "secret"}, {"SMTP_PASSWORD": "direct"}
    assert password(**file) == "from file"
    assert password(**file, **direct) == "direct"


def test_a_secret_file_that_cannot_be_read_and_a_broken_dotenv_are_mistakes(tmp_path):
    twice = 'mail: {user: "${SMTP_PASSWORD}x", password: "${SMTP_PASSWORD}"}\n'
    path = write_project(tmp_path, MAIN + twice)
    (tmp_path / ".env").write_text('A="x y"\nnot a line\n')
    process = {"HYPERSYNC_SECRET_KEY": "x" * 16, "SMTP_PASSWORD_FILE": "nowhere"}
    assert sentences(path, process=process) == [
        ".env:2: this is not a NAME=value line; write NAME=value",
        "SMTP_PASSWORD_FILE names nowhere, which cannot be read: No such file or directory; "
        "name a readable file",
    ]


def test_a_variable_that_is_not_set_is_said_once_and_hides_nothing(tmp_path):
    path = write_project(tmp_path, MAIN + 'mail: {port: "${PORT}"}\nwrong: 1\n')
    unset, unset_port, wrong = sentences(path, process={})
    assert "config/hypersync.yaml:2: the variable HYPERSYNC_SECRET_KEY is not set" in unset
    assert "config/hypersync.yaml:14: the variable PORT is not set" in unset_port
    assert "config/hypersync.yaml:15: wrong is not known here" in wrong


def test_a_mistake_never_shows_the_value_of_a_variable(tmp_path):
    path = write_project(
        tmp_path,
        MAIN + 'mail: {port: "${PORT}", security: "${SECURITY}"}\npublic_url: "x${URL}"\n',
    )
    path.write_text(path.read_text().replace("public_url: https://iam.example.org\n", ""))
    process = dict.fromkeys(("PORT", "SECURITY", "URL"), "geheim-1234")
    found = "\n".join(sentences(path, process={"HYPERSYNC_SECRET_KEY": "x" * 16} | process))
    assert "geheim" not in found
    assert "${PORT}" in found
    assert "${SECURITY}" in found
    assert "x${URL}" in found


def test_a_variable_that_is_empty_is_shown_by_its_name(tmp_path):
    path = write_project(tmp_path, MAIN + 'mail: {port: "${PORT}"}\n')
    (found,) = sentences(path, process={"HYPERSYNC_SECRET_KEY": "x" * 16, "PORT": ""})
    assert found.startswith("config/hypersync.yaml:14: mail.port: '' is not a whole number")


def test_a_configuration_prints_no_secret(tmp_path):
    main = MAIN.replace("{path: data/users.csv", "{password: geheim, path: data/users.csv")
    main += "database: postgresql+psycopg://u:geheim@db/x\nmail: {password: geheim}\n"
    configuration = load_project(write_project(tmp_path, main))
    assert "geheim" not in repr(configuration)
    assert "geheim" in configuration.database_url


@pytest.mark.parametrize(
    ("database", "url"),
    [
        ("sqlite:///var/x.db", "sqlite:///{root}/var/x.db"),
        ("sqlite:////srv/x.db", "sqlite:////srv/x.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite://", "sqlite://"),
        ("sqlite+pysqlite:///x.db", "sqlite+pysqlite:///{root}/x.db"),
        ("postgresql+psycopg://u@h/x", "postgresql+psycopg://u@h/x"),
    ],
)
def test_a_relative_database_starts_at_the_parent_of_config(tmp_path, database, url):
    configuration = load_project(write_project(tmp_path, MAIN + f"database: '{database}'\n"))
    assert configuration.database_url == url.format(root=tmp_path)
    assert (configuration.database_file is None) == (".db" not in url)
    assert configuration.path("data/hr.csv") == tmp_path / "data/hr.csv"
    assert configuration.path("/data/hr.csv") == Path("/data/hr.csv")


def test_the_environment_is_said_or_comes_from_the_process_or_is_dev(tmp_path):
    environments = {"dev": "A: 1h\n", "prod": 'A: "${A:2h}"\n'}
    path = write_project(tmp_path, environments=environments)
    process = {"HYPERSYNC_SECRET_KEY": "x" * 16}

    def environment(env, **more):
        return load_configuration(path, env, process_environment=process | more).environment

    assert environment(None) == {"A": "1h"}
    assert environment("prod") == {"A": "2h"}
    assert environment("prod", A="3h") == {"A": "3h"}
    assert environment(None, HYPERSYNC_ENV="prod") == {"A": "2h"}
    assert environment("dev", HYPERSYNC_ENV="prod") == {"A": "1h"}


def test_an_environment_without_a_file_is_a_mistake_unless_it_is_dev(tmp_path):
    path = write_project(tmp_path, environments={"prod": "A: 1h\n"})
    assert sentences(path, "dev") == []
    assert sentences(path, "prd") == [
        "config/env/prd.yaml: the environment 'prd' has no file; known: prod"
    ]


def test_an_environment_name_cannot_leave_its_folder(tmp_path):
    path = write_project(tmp_path, environments={"prod": "A: 1h\n"})
    assert "'../hypersync' is no environment" in sentences(path, "../hypersync")[0]


def test_every_part_knows_its_file_and_line(tmp_path):
    rules = RULES + "  - id: two\n    kind: update\n    target: app\n    set:\n      a: hr.a\n"
    configuration = load_project(write_project(tmp_path, rules=rules))
    rule = configuration.rule_files[0].rules[1]
    assert rule.place() == Place("rules/users.yaml", 4)
    assert rule.place("target") == Place("rules/users.yaml", 6)
    assert rule.place("set", "a") == Place("rules/users.yaml", 8)
    assert rule.place("when") == Place("rules/users.yaml", 4)
    assert configuration.place("silos", "app", "write") == Place("config/hypersync.yaml", 9)
    assert configuration.joins[1].place("value") == Place("config/hypersync.yaml", 13)
    assert rule.is_set("target")
    assert not rule.is_set("when")


def test_a_connectors_own_options_are_kept_apart_with_their_places(tmp_path):
    main = MAIN.replace("write: true", "write: true\n    delimiter: '${D:;}'")
    configuration = load_project(write_project(tmp_path, main))
    silo = configuration.silos["app"]
    assert silo.options == {"delimiter": ";"}
    assert silo.types["user"].anchor == "uid"
    assert silo.types["user"].options == {"path": "data/users.csv"}
    assert silo.connector_options() == {
        "delimiter": ";",
        "types": {"user": {"path": "data/users.csv", "anchor": "uid"}},
    }
    assert configuration.place("silos", "app", "delimiter") == Place("config/hypersync.yaml", 10)


def test_a_configuration_can_be_sent_to_a_worker(tmp_path):
    configuration = load_project(write_project(tmp_path))
    for twin in (pickle.loads(pickle.dumps(configuration)), copy.deepcopy(configuration)):  # noqa: S301
        assert twin == configuration
        assert twin.rule_files[0].rules[0].place() == Place("rules/users.yaml", 3)


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("do: explode", "'explode' is not something a rule does; write enable, disable, delete"),
        ("do: {enable: true, disable: true}", "a rule does one thing; write enable"),
        ("do: {delete: false}", "a rule does one thing"),
        ("set: {a: {expression: hr.a, text: b}}", "a value is an expression or {text: ...}"),
        ("set: {a: {}}", "a value is an expression or {text: ...}"),
        ("set: [a]", "set must be a mapping"),
        ("when: ''", "this is empty; write a text"),
        ("threshold: lots", "'lots' is not a limit"),
        ("threshold: {limit: 5%, lookback: 1y}", "calendar unit"),
        ("threshold: {members: {limit: 5%, min_siz: 3}}", "did you mean 'min_size'?"),
        ("threshold: {attribute: {department: 200%}}", "more than 100%"),
        ("mode: additve", "mode cannot be 'additve'; write 'additive' or 'authoritative'"),
        ("precedence: high", "'high' is not a whole number"),
        ("scopes: active", "scopes must be a list; write [a, b] or '- a' lines"),
        ("thresold: 5%", "did you mean 'threshold'?"),
    ],
)
def test_a_wrong_part_of_a_rule_says_where_and_what_would_be_right(tmp_path, rule, sentence):
    rules = f"{RULES}  - {{id: two, kind: update, target: app}}\n  - id: x\n    kind: update\n"
    (found,) = sentences(write_project(tmp_path, rules=f"{rules}    {rule}\n"))
    assert found.startswith(("rules/users.yaml:7: ", "rules/users.yaml:5: "))
    assert sentence in found


def test_short_forms_mean_their_usual_key(tmp_path):
    rules = RULES.replace(
        "set: {title: hr.title}",
        "set: {title: hr.title, company: {text: ACME}}, do: {move: hr.ou}, "
        "threshold: {limit: 3, lookback: 2h, members: 10%}",
    )
    configuration = load_project(write_project(tmp_path, rules=rules))
    rule = configuration.rule_files[0].rules[0]
    assert rule.set["title"].expression == "hr.title"
    assert rule.set["company"].text == "ACME"
    assert rule.do is not None
    assert (rule.do.operation, rule.do.argument) == ("move", "hr.ou")
    assert rule.threshold.lookback is not None
    assert rule.threshold.lookback.span == timedelta(hours=2)
    assert rule.threshold.members is not None
    assert rule.threshold.members.limit == Limit(parts=10_000_000)


DEFAULTS = """\
ruleset: users
simulate: true
defaults: {throttle: 1h, threshold: {limit: 3%, expires: env.EXPIRES}}
rules:
  - {id: own, kind: update, target: app, throttle: 2h, threshold: 7, do: disable}
  - {id: none, kind: update, target: app, do: disable}
  - {id: event, kind: event, throttle: env.T, do: {webhook: "https://x.example.org"}}
"""


def test_a_rule_takes_what_it_does_not_say_from_its_file_and_then_the_built_in_defaults(tmp_path):
    configuration = load_project(write_project(tmp_path, rules=DEFAULTS))
    (file,) = configuration.rule_files
    own, none, event = file.rules
    assert [file.throttle_of(rule) for rule in file.rules] == [
        timedelta(hours=2),
        timedelta(hours=1),
        "env.T",
    ]
    assert [str(file.threshold_of(rule).limit) for rule in file.rules] == ["7", "3%", "100"]
    assert file.threshold_of(none).expires == "env.EXPIRES"
    assert file.threshold_of(none).on_expiry == "clear"
    assert file.threshold_of(none).plan is None
    assert [file.throttle_place(rule).line for rule in file.rules] == [5, 3, 7]
    assert [file.threshold_place(rule, "limit").line for rule in file.rules] == [5, 3, 7]
    assert file.threshold_place(own, "clears").line == 5
    assert all(file.is_simulated(rule) for rule in (own, none, event))
    assert own.do is not None
    assert own.do.argument is None


def test_an_event_rule_takes_a_number_from_the_defaults(tmp_path):
    rules = DEFAULTS.replace("limit: 3%", "limit: 9")
    (file,) = load_project(write_project(tmp_path, rules=rules)).rule_files
    assert str(file.threshold_of(file.rules[2]).limit) == "9"


def test_what_is_in_force_is_shown_without_secrets(tmp_path):
    database = "postgresql+psycopg://u:geheim@db/x?sslpassword=geheim&sslmode=require"
    main = f'{MAIN}database: "{database}"\nmail: {{password: geheim}}\n'
    shown = in_force(load_project(write_project(tmp_path, main, rules=DEFAULTS)))
    lines = list(describe(shown))
    assert "geheim" not in "\n".join(lines)
    assert "database: postgresql+psycopg://u:***@db/x?sslpassword=***&sslmode=require" in lines
    assert shown["rules"]["own"]["simulate"] is True
    assert shown["rules"]["own"]["throttle"] == "2h"
    assert "clears" not in shown["rules"]["event"]["threshold"]
    assert "    simulate: true" in lines
    assert list(describe({"a": ["x", "y"], "b": None})) == ["a: [x, y]"]


def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path):
    path = write_project(tmp_path)
    (tmp_path / "rules" / "folder.yaml").mkdir()
    (tmp_path / ".env").write_bytes(b"A=\xff")
    assert sentences(path) == [
        ".env: this cannot be read; make it UTF-8 text",
        "rules/folder.yaml: this cannot be read: Is a directory; give the right to read it",
    ]


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-03-27T17:00:00+00:00", True),  # Friday 18:00 in Paris
        ("2026-03-27T16:59:59+00:00", False),
        ("2026-03-30T03:59:59+00:00", True),  # Monday 05:59, summer time since Sunday
        ("2026-03-30T04:00:00+00:00", False),
    ],
)
def test_a_blackout_follows_the_wall_clock_of_its_zone(tmp_path, moment, inside):
    main = MAIN + 'blackout: {timezone: Europe/Paris, windows: ["fri 18:00 - mon 06:00"]}\n'
    blackout = load_project(write_project(tmp_path, main)).blackout
    assert blackout is not None
    assert blackout.contains(datetime.fromisoformat(moment)) is inside


def test_what_has_no_keys_of_its_own_knows_none():
    assert known_keys(ProjectFile, ("public_url",)) == ()
    assert "slot" in known_keys(ProjectFile, ("joins", 0))
    assert "span" in known_keys(RuleFile, ("rules", 0, "threshold", "lookback"))
    assert "when_on" in known_keys(ProjectFile, ("silos", "hr", "types", "person", "enabled"))


def test_nothing_is_kept_of_what_is_wrong_as_a_whole():
    tree = Section(Place("a.yaml", 1))
    with pytest.raises(ValidationError) as caught:
        JoinConfig.model_validate(tree | {"slot": "a", "silo": "b", "type": "c"})
    assert salvage(JoinConfig, tree, caught.value) is None


def test_models_can_be_built_in_code():
    kind = TypeConfig(anchor="id", options={"path": "x.csv"})
    silo = SiloConfig(connector="csv", types={"user": kind}, options={"delimiter": ";"})
    assert silo.connector_options()["delimiter"] == ";"
    assert silo.connector_options()["types"]["user"]["path"] == "x.csv"
    assert silo.place() == Place("", 0)
    assert not silo.is_set("connector")
    with pytest.raises(ValidationError):
        SiloConfig(connector="csv", options={}, speed=3)  # type: ignore[call-arg]


def test_the_reference_page_is_up_to_date():
    page = Path(__file__).parent.parent.parent / "docs" / "reference" / "configuration.md"
    assert page.read_text(encoding="utf-8") == configuration_page(), "run `make docs`"
