"""The fixtures that several test modules share; each lives in the module of its subject."""

from tests.postgresql import database_url, postgresql_server
from tests.slapd import company_slapd
from tests.worlds import world

__all__ = ["company_slapd", "database_url", "postgresql_server", "world"]
