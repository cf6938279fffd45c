"""What the URL of a database lacks for a safe way there."""

import pytest
from sqlalchemy import make_url

from hypersync.connectors.sql_database.wire import missing_protection

VERIFY = "sslmode=verify-full&sslrootcert=/PATH/TO/ca.pem"
CA = "ssl_ca=/PATH/TO/ca.pem"


@pytest.mark.parametrize(
    ("url", "missing"),
    [
        ("postgresql+psycopg://a@db.example.org/crm", VERIFY),
        ("postgresql+psycopg://a@10.0.0.7/crm?sslmode=require", VERIFY),
        ("postgresql+psycopg://a@db.example.org/crm?sslmode=verify-ca", VERIFY),
        ("postgresql+psycopg://a@/crm?host=127.0.0.1:1&host=db.example.org:1", VERIFY),
        ("postgresql+psycopg://a@localhost/crm?hostaddr=10.0.0.7", VERIFY),
        ("mariadb+pymysql://a@db.example.org/crm", CA),
        ("mysql+pymysql://a@db.example.org/crm?ssl_cert=/c.pem", CA),
        ("mysql+pymysql://a@db.example.org/crm?ssl_ca=/c.pem&ssl_check_hostname=False", CA),
    ],
)
def test_a_way_that_is_not_checked_is_told_with_the_words_that_are_missing(url: str, missing: str):
    assert missing_protection(make_url(url)) == missing


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///crm.db",
        "postgresql+psycopg://a@db.example.org/crm?sslmode=verify-full",
        "postgresql+psycopg://a@localhost/crm",
        "postgresql+psycopg://a@[::1]:5432/crm",
        "postgresql+psycopg://a@/crm?host=/run/postgresql",
        "postgresql+psycopg://a@/crm?host=127.0.0.1:1&host=localhost:2",
        "mariadb+pymysql://a@127.0.0.1/crm",
        "mariadb+pymysql://a@/crm?unix_socket=/run/mysqld.sock",
        "mariadb+pymysql://a@db.example.org/crm?ssl_ca=/c.pem",
        "mariadb+pymysql://a@db.example.org/crm?ssl_capath=/certs&ssl_check_hostname=true",
    ],
)
def test_nothing_is_missing_on_this_machine_or_where_certificates_are_checked(url: str):
    assert missing_protection(make_url(url)) is None
