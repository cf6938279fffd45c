"""Initial passwords: made when an account is, and kept nowhere."""

import string

from hypersync.model.objects import SiloObject
from hypersync.pipeline.passwords import MARK, fresh_password, with_passwords, without_passwords


def test_a_password_is_long_mixed_and_never_the_same():
    made = {fresh_password() for _ in range(50)}
    assert len(made) == 50
    for each in made:
        assert len(each) == 20
        for alphabet in (string.ascii_lowercase, string.ascii_uppercase, string.digits):
            assert set(each) & set(alphabet)
        assert not set(each) <= set(string.ascii_letters + string.digits)


def test_marks_become_passwords_and_nothing_else_changes():
    filled = with_passwords({"secret": f"{{CLEAR}}{MARK}", "uid": "ann", "n": 1, "many": ("a",)})
    assert MARK not in filled["secret"]
    assert filled["secret"].startswith("{CLEAR}")
    assert len(filled["secret"]) == len("{CLEAR}") + 20
    assert {name: filled[name] for name in ("uid", "n", "many")} == {
        "uid": "ann",
        "n": 1,
        "many": ("a",),
    }


def test_a_password_is_not_stored_with_the_object_that_got_it():
    found = SiloObject("user", "u1", {"uid": "ann", "secret": "x7"})
    kept = without_passwords(found, {"secret": MARK, "uid": "ann"})
    assert kept == SiloObject("user", "u1", {"uid": "ann"})
    assert without_passwords(found, {"uid": "ann"}) is found
    assert without_passwords(None, {"secret": MARK}) is None
