"""The command about the API: ``api openapi``."""

from __future__ import annotations

import click

from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import print_document


@click.group("api")
def api() -> None:
    """Describe the API, for programs that call it."""


@command("openapi")
def openapi(invocation: Invocation) -> Exit:
    """Print the OpenAPI 3.1 document of the API, as /api/v1/openapi.json serves it."""
    from hypersync.cli.started import started_app
    from webui.api import describe

    with started_app(invocation) as app:
        print_document(describe(app))
    return Exit.DONE


api.add_command(openapi)
