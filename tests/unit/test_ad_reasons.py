"""Why a domain controller refuses, in words: as Windows and as Samba say it."""

import pytest

from hypersync.connectors.ad.reasons import number, sentence
from hypersync.connectors.directory.wire import Result

NO_RIGHT = "has not the right"


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        (53, "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM)\n\0", "policy"),
        (19, "0000052D: Constraint violation - check_password_restrictions: too short", "policy"),
        (
            53,
            "0000001F: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0",
            "ldaps://",
        ),
        (50, "00002098: SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS)", NO_RIGHT),
        (50, "00000005: SecErr: DSID-031A11ED, problem 4003 (INSUFF_ACCESS_RIGHTS)", NO_RIGHT),
        (50, "acl: unable to get access to CN=ann", NO_RIGHT),
        (68, "00002071: UpdErr: DSID-0305038D, problem 6005 (ENTRY_EXISTS), data 0", "in use"),
        (68, "00000524: UpdErr: DSID-031A11E2, problem 6005 (ENTRY_EXISTS), data 0", "in use"),
        (19, "000021C8: AtrErr: DSID-03200BBA, #1:", "userPrincipalName is in use"),
        (
            65,
            "0000207D: UpdErr: DSID-03151368, problem 6002 (OBJ_CLASS_VIOLATION)",
            "class does not have",
        ),
        (53, "0000055E: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM)", "primary group"),
        (66, "00002015: UpdErr: DSID-031A1232, problem 6003 (CANT_ON_NON_LEAF)", "below it"),
        (66, "subtree_delete: Unable to delete a non-leaf node", "below it"),
    ],
)
def test_what_the_server_says_is_put_into_words_and_kept_behind_them(
    code: int, text: str, said: str
):
    found = sentence(Result(code, text))
    assert said in found
    assert text.strip("\n\0") in found
    assert found.isprintable()


def test_what_nobody_knows_is_said_as_it_comes():
    unknown = Result(80, "00009999: something new")
    assert number(unknown) == 0x9999
    assert sentence(unknown) == unknown.sentence
    assert number(Result(80, "no number here: 0000052D")) is None
