"""What stands above entries, as their names tell it."""

import pytest

from hypersync.connectors.directory.answers import Entry
from hypersync.connectors.ldap.renamed import Holders


def above(*names: str) -> Holders:
    found = Holders()
    found.add([Entry(name, {}) for name in names])
    return found


@pytest.mark.parametrize(
    "name", ["uid=a, ou=Sales, dc=x", "uid=a,OU=sales,dc=x", "uid=a,cn=b,ou=S\\61les,dc=x"]
)
def test_a_container_is_found_however_the_names_below_it_are_written(name: str):
    sales = Entry("ou=Sales,dc=x", {})
    assert above(name).among([sales, Entry("ou=a,dc=x", {})]) == {sales.dn}


def test_a_comma_in_a_name_begins_no_container():
    assert above("cn=Doe\\, John,ou=x", "cn=Roe\\2C Jane,ou=x").text == above("cn=a,ou=x").text
    assert above("cn=Doe\\, John,ou=x").unlike(above("cn=a,ou=x").text) == set()


def test_a_container_that_held_nothing_before_is_told():
    assert above("cn=a,ou=x", "cn=b,ou=y").unlike(above("cn=a,ou=x").text) == {"ou=y"}


def test_of_containers_beyond_number_nothing_is_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hypersync.connectors.ldap.renamed.MOST_HOLDERS", 1)
    many = above("cn=a,ou=x", "cn=b,ou=y").text
    assert many == ""
    assert above("cn=a,ou=z").unlike(many) == set()
