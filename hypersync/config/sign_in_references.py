"""Checks what is said about signing in against the rest of the configuration. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypersync.config.sign_in_models import ProofConfig
from hypersync.model.mistake import Level, Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypersync.config.located import Located
    from hypersync.config.models import Configuration


def sign_in_mistakes(configuration: Configuration) -> Iterator[Mistake]:
    """Find sign-ins that let nobody in, and proofs that nobody can give."""
    yield from _nobody(configuration)
    yield from _subjects(configuration)
    yield from _proofs(configuration)


def _mistake(owner: Located, key: str, message: str, remedy: str, level: Level) -> Mistake:
    place = owner.place(key) if key else owner.place()
    return Mistake(message, remedy, place.file, place.line, level)


def _nobody(configuration: Configuration) -> Iterator[Mistake]:
    sign_in = configuration.sign_in
    if sign_in is not None and not configuration.people:
        message = "nobody can sign in, because there is nobody under people"
        remedy = "add them under people:"
        yield _mistake(sign_in, "", message, remedy, Level.ERROR)


def _subjects(configuration: Configuration) -> Iterator[Mistake]:
    """Find two people whom the provider or the proxy would call the same."""
    subjects: dict[str, str] = {}
    for name, person in configuration.people.items():
        first = subjects.setdefault(person.subject or f"\0{name}", name)
        if first != name:
            message = f"{person.subject!r} is already the subject of {first!r}"
            yield _mistake(person, "subject", message, "one subject is one person", Level.ERROR)


def _proofs(configuration: Configuration) -> Iterator[Mistake]:
    if configuration.sign_in is not None:
        return
    proof = configuration.links.proof
    for name in ProofConfig.model_fields:
        if getattr(proof, name) == "session":
            message = "there is no sign-in, so nobody has a session"
            remedy = "write code, or say under sign_in: how people sign in"
            yield _mistake(proof, name, message, remedy, Level.ERROR)
