"""What makes an account: its password, and one bit of a number."""

import pytest

from hypersync.connectors.ad.account import new_account, switched, truth
from hypersync.connectors.ad.options import AdOptions
from hypersync.connectors.ad.place import AdPlace, place_of
from hypersync.connectors.directory.wire import Entry
from hypersync.connectors.settings import object_types
from hypersync.model.objects import Value

BASE = "OU=People,DC=example,DC=org"
SECRET = "Correct-Horse-1"  # noqa: S105 - of nobody
STORED = f'"{SECRET}"'.encode("utf-16-le")


def place(kind: str = "user", **more: object) -> AdPlace:
    given = {"url": "ldaps://dc", "types": {kind: {"base": BASE, **more}}}
    (found,) = object_types("ad", AdOptions.model_validate(given), {})
    return place_of(found)


@pytest.mark.parametrize(
    ("after", "control"),
    [
        ({}, b"514"),
        ({"accountEnabled": False}, b"514"),
        ({"unicodePwd": SECRET}, b"512"),
        ({"UNICODEPWD": SECRET, "ACCOUNTENABLED": "true"}, b"512"),
        ({"unicodePwd": SECRET, "accountEnabled": False}, b"514"),
        ({"unicodePwd": SECRET, "userAccountControl": "66048"}, b"66048"),
        ({"userAccountControl": 514}, b"514"),
    ],
)
def test_a_new_account_is_enabled_only_with_a_password(after: dict[str, Value], control: bytes):
    raw = new_account(after, place(), is_tls=True)
    assert raw["userAccountControl"] == [control]
    has_password = any(name.lower() == "unicodepwd" for name in after)
    assert raw.get("unicodePwd") == ([STORED] if has_password else None)


@pytest.mark.parametrize(
    ("after", "why"),
    [
        ({"accountEnabled": True}, "needs a password"),
        ({"userAccountControl": "512"}, "needs a password"),
        ({"unicodePwd": SECRET, "accountEnabled": True, "userAccountControl": 512}, "not both"),
        ({"unicodePwd": SECRET, "accountEnabled": "perhaps"}, "is true or false"),
        ({"userAccountControl": "many"}, "is a number"),
        ({"unicodePwd": ""}, "a password is text"),
        ({"unicodePwd": (SECRET, SECRET)}, "a password is text"),
        ({"userPassword": SECRET}, "everybody could read it"),
    ],
)
def test_what_is_no_good_account_is_refused_without_its_password(after: dict[str, Value], why: str):
    with pytest.raises(ValueError, match=why) as caught:
        new_account(after, place(), is_tls=True)
    assert SECRET not in str(caught.value)


def test_a_password_without_tls_is_refused():
    with pytest.raises(ValueError, match="over TLS only"):
        new_account({"unicodePwd": SECRET}, place(), is_tls=False)


def test_computers_are_accounts_and_groups_are_none():
    assert new_account({}, place("computer"), is_tls=True) == {"userAccountControl": [b"4098"]}
    assert new_account({"cn": "staff"}, place("group"), is_tls=True) == {}
    for after in ({"unicodePwd": SECRET}, {"accountEnabled": False}):
        with pytest.raises(ValueError, match="neither a password nor an enabled state"):
            new_account(after, place("group"), is_tls=True)


def test_an_account_with_a_switch_of_its_own_is_an_account_all_the_same():
    own = {"attribute": "employeeType", "when_on": "active", "when_off": "left"}
    found = new_account({"employeeType": "active"}, place(enabled=own), is_tls=True)
    assert found == {"userAccountControl": [b"514"]}


def entry(control: str | None, changed: str = "1") -> Entry:
    raw = {} if control is None else {"userAccountControl": [control.encode()]}
    return Entry(f"CN=ann,{BASE}", {**raw, "pwdLastSet": [changed.encode()]})


def test_one_bit_is_changed_over_what_was_read():
    off = switched({"accountEnabled": False}, entry("66048"), place())
    assert off == {"userAccountControl": [("delete", [b"66048"]), ("add", [b"66050"])]}
    assert switched({"accountEnabled": True}, entry("512"), place()) == {}
    assert switched({"title": "Clerk"}, entry("512"), place()) == {}


@pytest.mark.parametrize(
    ("after", "found", "why"),
    [
        ({"accountEnabled": True}, entry("546", "0"), "PASSWD_NOTREQD"),
        ({"accountEnabled": True}, entry(None), "has no enabled state"),
        ({"accountEnabled": None}, entry("512"), "is true or false"),
        ({"accountEnabled": True, "userAccountControl": "512"}, entry("514"), "new accounts only"),
        ({"USERACCOUNTCONTROL": "544"}, entry("546"), "set 'accountEnabled'"),
    ],
)
def test_what_must_not_be_switched_is_not(after: dict[str, Value], found: Entry, why: str):
    with pytest.raises(ValueError, match=why):
        switched(after, found, place())


def test_an_account_without_a_password_may_be_disabled():
    off = switched({"accountEnabled": False}, entry("544", "0"), place())
    assert off == {"userAccountControl": [("delete", [b"544"]), ("add", [b"546"])]}


def test_truth_may_be_written_as_text():
    assert [truth(each) for each in (True, False, "TRUE", "false")] == [True, False, True, False]
