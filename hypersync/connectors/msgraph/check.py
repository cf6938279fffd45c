"""Looks at permissions, filters and attributes, and says what is missing by its exact name.

Which permissions an application was granted stands in its token (``roles``). Where it does not, or
where Graph still says no, its own words count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hypersync.connectors.msgraph.answers import Answer
from hypersync.connectors.msgraph.options import Place
from hypersync.connectors.msgraph.properties import OF_THEIR_OWN, PASSWORD
from hypersync.connectors.msgraph.requests import Lost, Step
from hypersync.connectors.msgraph.wire import Wire, local
from hypersync.errors import SiloUnreachable
from hypersync.model.mistake import Level, Mistake
from hypersync.model.objects import AttributeSchema
from hypersync.model.rights import Right, Verb

_ADVANCED = {"ConsistencyLevel": "eventual"}


class Check:
    """Checks the types of one silo; ``roles`` are the permissions that the token names."""

    def __init__(self, wire: Wire, roles: frozenset[str] | None, *, writes: bool) -> None:
        self._wire = wire
        self._roles = roles
        self._writes = writes

    def mistakes(self, place: Place) -> Iterator[Mistake]:
        """Say what is wrong with one type."""
        lacking = [mistake for verb in self._verbs() if (mistake := self._lacking(place, verb))]
        if lacking:
            yield from lacking
            return
        yield from self._unseen(place)
        answer = self._first(place)
        if answer.status == 403:
            yield Mistake(
                f"the application may not read {place.resource.name}: {answer.sentence}",
                _grant(place.resource.reading[0]),
            )
        elif answer.status == 400:
            yield from self._refused(place, answer)
        else:
            self._wire.believe(answer)

    def _unseen(self, place: Place) -> Iterator[Mistake]:
        """Warn of attributes that are named and come empty without a permission of their own."""
        for name, allowed in sorted(OF_THEIR_OWN.items()):
            if name in place.kind.attributes and self._is_without(allowed):
                yield Mistake(
                    f"the application may not read {name} of {place.resource.name}, "
                    f"which comes as if it were empty: it has none of {', '.join(allowed)}",
                    _grant(allowed[0]),
                    level=Level.WARNING,
                )

    def _is_without(self, allowed: Sequence[str]) -> bool:
        return self._roles is not None and self._roles.isdisjoint(allowed)

    def _verbs(self) -> Sequence[Verb]:
        return (Verb.READ, Verb.UPDATE) if self._writes else (Verb.READ,)

    def _lacking(self, place: Place, verb: Verb) -> Mistake | None:
        allowed = _allowing(place, verb)
        if self._roles is None or not self._roles.isdisjoint(allowed):
            return None
        what = "read" if verb is Verb.READ else "write"
        return Mistake(
            f"the application may not {what} {place.resource.name}: "
            f"it has none of {', '.join(allowed)}",
            _grant(allowed[0]),
        )

    def rights(self, place: Place) -> Iterator[Right]:
        """Say what the application may do to one type."""
        for verb in Verb:
            allowed = _allowing(place, verb)
            if self._roles is None:
                yield Right(type=place.kind.name, verb=verb, granted=None)
            elif not self._roles.isdisjoint(allowed):
                yield self._granted(place, verb)
            else:
                yield Right(
                    type=place.kind.name,
                    verb=verb,
                    granted=False,
                    lacking=(allowed[0],),
                    remedy=_grant(allowed[0]),
                )

    def _granted(self, place: Place, verb: Verb) -> Right:
        """Say what may be done, and to which attributes it does not extend."""
        lacking = {
            name: allowed[0]
            for name, allowed in OF_THEIR_OWN.items()
            if verb is Verb.READ and name in place.names and self._is_without(allowed)
        }
        return Right(
            type=place.kind.name,
            verb=verb,
            granted=True,
            except_for=tuple(lacking),
            lacking=tuple(lacking.values()),
            remedy=" and ".join(_grant(each) for each in lacking.values()),
        )

    # --- what Graph says -----------------------------------------------------------------------

    def _first(self, place: Place) -> Answer:
        """Ask for one object as a scan would."""
        query = {"$select": ",".join(place.selected), "$top": "1"}
        if place.filter is not None:
            query |= {"$filter": place.filter, "$count": "true"}
        path = f"/{place.resource.name}"
        try:
            return self._wire.get(self._wire.address(path, query), _ADVANCED)
        except Lost as error:
            raise SiloUnreachable(self._wire.unanswered(error)) from error

    def _refused(self, place: Place, answer: Answer) -> Iterator[Mistake]:
        names = {*place.names, place.key} - {*place.references}
        unknown = self.unknown(place, sorted(names))
        for name in unknown:
            yield Mistake(
                f"Graph knows no attribute {name!r} of {place.resource.name}",
                f"mend it in the type {place.kind.name!r} and in the rules",
            )
        if not unknown:
            what = "filter" if place.filter is not None else "request"
            text = f"Graph refuses the {what} of the type {place.kind.name!r}: {answer.sentence}"
            yield Mistake(text, f"mend the type {place.kind.name!r}")

    def unknown(self, place: Place, names: Sequence[str]) -> list[str]:
        """Return those of the attributes that Graph does not know."""
        path = f"/{place.resource.name}"
        steps = [
            Step(path=local(path, {"$select": name.partition("/")[0], "$top": "1"}))
            for name in names
        ]
        results = self._wire.reads(steps)
        return [
            name
            for name, result in zip(names, results, strict=True)
            if isinstance(result, Answer) and result.status == 400
        ]

    def schema(self, place: Place) -> dict[str, AttributeSchema]:
        """Return the attributes of a type: the documented ones, and named ones that Graph takes."""
        resource = place.resource
        named = sorted({*place.names} - {*resource.readable, "id"})
        known = [*resource.readable, "id", *({*named} - {*self.unknown(place, named)})]
        if resource.switches_accounts:
            known.append(PASSWORD)
        return {
            name: AttributeSchema(
                name=name,
                multi_valued=name in resource.several,
                read_only=name in resource.read_only or name == "id",
            )
            for name in sorted(known)
        }


def _allowing(place: Place, verb: Verb) -> tuple[str, ...]:
    return place.resource.reading if verb is Verb.READ else place.resource.writing


def _grant(permission: str) -> str:
    return f"grant it the application permission {permission} and let an administrator consent"
