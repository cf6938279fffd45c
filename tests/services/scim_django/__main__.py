"""Serves on a free port, whose number is the first line that is printed."""

import sys
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application


class _Quiet(WSGIRequestHandler):
    def log_message(self, *arguments):
        """Say nothing."""


def main(database: str) -> None:
    here = "tests.services.scim_django"
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django_scim", here],
        MIGRATION_MODULES={"contenttypes": None, "auth": None, "django_scim": None},
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        AUTH_USER_MODEL="scim_django.Person",
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        MIDDLEWARE=[f"{here}.adapters.LetIn"],
        ROOT_URLCONF=f"{here}.urls",
        ALLOWED_HOSTS=["127.0.0.1"],
        SECRET_KEY="of a server of the tests",  # noqa: S106 - which lives for a minute
        USE_TZ=True,
        LOGGING_CONFIG=None,
        SCIM_SERVICE_PROVIDER={
            "NETLOC": "127.0.0.1",
            "USER_ADAPTER": f"{here}.adapters.PersonAdapter",
            "GROUP_ADAPTER": f"{here}.adapters.CrowdAdapter",
            "GROUP_MODEL": f"{here}.models.Crowd",
            "AUTHENTICATION_SCHEMES": [{"type": "oauthbearertoken", "name": "OAuth"}],
        },
    )
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    application = get_wsgi_application()
    with make_server(
        "127.0.0.1", 0, application, server_class=WSGIServer, handler_class=_Quiet
    ) as server:
        sys.stdout.write(f"{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
