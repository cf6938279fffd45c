"""Who may do what only an administrator may: unlock keys, and raising a limit for one run. Pure.

On the command line that is the person whose ``os_user`` runs it, with the role admin; with nobody
under ``people``, the system user who owns the configuration. Failure direction: nobody else.
"""

from __future__ import annotations

from hypersync.approvals.settings import Settings
from hypersync.errors import DecisionRefused


def administrator(by: str, what: str, settings: Settings) -> str:
    """Return as whom ``cli:USER`` acts, ``person:ID`` where there are people.

    ``what`` says what is to be done, such as "apply unlock keys". Raises `DecisionRefused` when
    this is no administrator.
    """
    scheme, _, user = by.partition(":")
    directory = settings.directory
    if not directory.people:
        if scheme == "cli" and settings.owner is not None and user == settings.owner:
            return by
        raise DecisionRefused(
            f"with nobody under `people`, only {settings.owner or 'its owner'}, who owns the "
            f"configuration, may {what}"
        )
    person = directory.of_os_user(user) if scheme == "cli" else directory.people.get(user)
    if person is None:
        raise DecisionRefused(
            f"the system user {user} belongs to nobody under `people`; only a person with the "
            f"role admin and this `os_user` may {what}"
        )
    if "admin" not in person.roles:
        raise DecisionRefused(f"{person.name} has not the role admin and may not {what}")
    return f"person:{person.id}"
