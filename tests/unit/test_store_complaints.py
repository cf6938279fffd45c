"""Databases are named without their secrets, and what they complain about says what to do."""

import sqlite3

import psycopg
import pytest
from sqlalchemy.engine import make_url

from hypersync.store.complaints import complaint, name_of

SERVER = make_url("postgresql+psycopg://ann:geheim@db.example.org:5433/iam")
FILE = make_url("sqlite:////srv/iam/var/hypersync.db")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:////srv/iam/var/hypersync.db", "/srv/iam/var/hypersync.db"),
        ("sqlite://", "in memory"),
        ("postgresql://ann:geheim@db.example.org:5433/iam", "iam on db.example.org:5433"),
        ("postgresql://ann:geheim@db.example.org/iam", "iam on db.example.org"),
        ("postgresql://ann:geheim@[fe80::1]:5432/iam", "iam on [fe80::1]:5432"),
        ("postgresql://ann:geheim@/iam?host=/run/pg&password=geheim", "iam on /run/pg"),
        ("postgresql:///iam?host=a:1&host=b:2", "iam on a:1, b:2"),
        ("postgresql:///iam", "iam on this machine"),
        ("postgresql://db.example.org", "the database on db.example.org"),
    ],
)
def test_a_database_is_named_by_its_file_or_server_and_never_by_its_secrets(url, name):
    assert name_of(make_url(url)) == name


def refused(code, text):
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return complaint(FILE, error)


@pytest.mark.parametrize(
    ("code", "what_to_do"),
    [
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "another process holds /srv/iam/var/hypersync.db: wait"),
        (sqlite3.SQLITE_LOCKED, "another process holds /srv/iam/var/hypersync.db: wait"),
        (sqlite3.SQLITE_FULL, "make room on the disk of /srv/iam/var/hypersync.db"),
        (sqlite3.SQLITE_IOERR_SHMSIZE, "disk of /srv/iam/var/hypersync.db is full or broken"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, "read and write /srv/iam/var/hypersync.db and its fol"),
        (
            sqlite3.SQLITE_CANTOPEN,
            "able to read and write /srv/iam/var/hypersync.db and its folder",
        ),
        (sqlite3.SQLITE_NOTADB, "is the right file, or restore it from a backup"),
        (sqlite3.SQLITE_CORRUPT_INDEX, "is the right file, or restore it from a backup"),
    ],
)
def test_each_common_complaint_of_sqlite_says_what_to_do_with_which_file(code, what_to_do):
    said = refused(code, "what it says")
    assert said.startswith("the database refused: what it says; ")
    assert what_to_do in said


def test_a_complaint_of_sqlite_that_is_not_known_still_names_the_file():
    said = refused(sqlite3.SQLITE_CONSTRAINT_UNIQUE, "UNIQUE constraint failed: run.id")
    assert said == (
        "the database refused: UNIQUE constraint failed: run.id (/srv/iam/var/hypersync.db)"
    )


@pytest.mark.parametrize(
    ("text", "what_to_do"),
    [
        ("port 5433 failed: Connection refused", "see whether the server of {} is running"),
        ("FATAL:  the database system is starting up", "see whether the server of {} is running"),
        ('FATAL:  password authentication failed for user "ann"', "address of {} has the right"),
        ("fe_sendauth: no password supplied", "the address of {} has the right user and password"),
        ('FATAL:  role "ann" does not exist', "the address of {} has the right user and password"),
        ('FATAL:  database "iam" does not exist', "see whether {} is spelled right, or have it"),
        ('FATAL:  no pg_hba.conf entry for host "::1"', "pg_hba.conf of the server of {} let"),
        ("FATAL:  sorry, too many clients already", "free connections to {}, or have its server"),
        ("failed to resolve host 'db.example.org'", "the host of {} is spelled right"),
        ("connection timeout expired", "see whether {} can be reached from here"),
    ],
)
def test_a_server_that_lets_nobody_in_is_named_with_what_to_look_at(text, what_to_do):
    said = complaint(SERVER, psycopg.OperationalError(f"{text}\nmore lines"))
    assert said.startswith(f"the database refused: {text}; ")
    assert what_to_do.format("iam on db.example.org:5433") in said
    assert "more lines" not in said


@pytest.mark.parametrize(
    ("error", "what_to_do"),
    [
        (psycopg.errors.AdminShutdown, "see whether the server of {} is running"),
        (psycopg.errors.ConnectionFailure, "see whether the server of {} is running"),
        (psycopg.errors.InvalidPassword, "the address of {} has the right user and password"),
        (psycopg.errors.InvalidCatalogName, "see whether {} is spelled right, or have it made"),
        (psycopg.errors.DiskFull, "make room on the disk of the server of {}"),
        (psycopg.errors.TooManyConnections, "free connections to {}, or have its server allow"),
        (psycopg.errors.ReadOnlySqlTransaction, "see whether {} is a standby"),
        (psycopg.errors.InsufficientPrivilege, "have the user of {} granted the right"),
        (psycopg.errors.DeadlockDetected, "others were working in {} at the same moment"),
        (psycopg.errors.LockNotAvailable, "others were working in {} at the same moment"),
    ],
)
def test_a_server_that_says_a_code_is_named_with_what_to_do(error, what_to_do):
    said = complaint(SERVER, error("no"))
    assert said.startswith("the database refused: no; ")
    assert what_to_do.format("iam on db.example.org:5433") in said


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (psycopg.errors.UniqueViolation("duplicate key"), "duplicate key"),
        (psycopg.OperationalError("connection is bad"), "connection is bad"),
        (psycopg.OperationalError(""), "OperationalError"),
    ],
)
def test_a_complaint_of_a_server_that_is_not_known_still_names_it(error, text):
    assert complaint(SERVER, error) == f"the database refused: {text} (iam on db.example.org:5433)"
