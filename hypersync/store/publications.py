"""Stores what rules said, and who changed it. Rows are only added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection, RowMapping

from hypersync.ports.store.publications import Publication, Tried
from hypersync.store import tables

_PUBLICATION = tables.rule_publication
_TRIED = tables.rule_preview


class Publications:
    """What rules said, one after the other; of two that follow the same, the first is kept."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        sqlite = connection.dialect.name == "sqlite"
        self._insert: Any = sqlite_insert if sqlite else postgresql_insert

    def in_force(self) -> Mapping[str, Publication]:
        """Return the latest text of every rule that was ever in force."""
        latest = select(func.max(_PUBLICATION.c.id)).group_by(_PUBLICATION.c.rule)
        query = select(_PUBLICATION).where(_PUBLICATION.c.id.in_(latest))
        rows = self._connection.execute(query).mappings()
        return {row["rule"]: _publication_of(row) for row in rows}

    def get(self, publication: int) -> Publication | None:
        """Return one."""
        query = select(_PUBLICATION).where(_PUBLICATION.c.id == publication)
        row = self._connection.execute(query).mappings().one_or_none()
        return None if row is None else _publication_of(row)

    def latest(self, rule: str, content: str | None) -> Publication | None:
        """Return the latest time that a rule became this text."""
        query = (
            select(_PUBLICATION)
            .where(
                _PUBLICATION.c.rule == rule,
                _PUBLICATION.c.content.is_not_distinct_from(content),
            )
            .order_by(_PUBLICATION.c.id.desc())
            .limit(1)
        )
        row = self._connection.execute(query).mappings().one_or_none()
        return None if row is None else _publication_of(row)

    def of_rule(self, rule: str, most: int) -> Sequence[Publication]:
        """Return what a rule said, the newest first; each follows the one before."""
        query = select(_PUBLICATION).where(_PUBLICATION.c.rule == rule)
        query = query.order_by(_PUBLICATION.c.after.desc()).limit(most)
        return [_publication_of(row) for row in self._connection.execute(query).mappings()]

    def add(self, publication: Publication, after: int) -> bool:
        """Keep what follows ``after`` (0: nothing did); false when something else follows it."""
        statement = (
            self._insert(_PUBLICATION)
            .values(
                rule=publication.rule,
                after=after,
                content=publication.content,
                loaded_at=publication.loaded_at,
                brought_at=publication.brought_at,
                by=publication.by,
                people=sorted(publication.people),
                is_first=publication.is_first,
            )
            .on_conflict_do_nothing()
            .returning(_PUBLICATION.c.id)
        )
        return self._connection.execute(statement).first() is not None

    def tried(self, rule: str, content: str | None) -> Tried | None:
        """Return the first preview of this text since it was last in force.

        While a text is in force, no preview of it is another: what follows it was tried later.
        """
        last = self.latest(rule, content)
        query = (
            select(_TRIED)
            .where(
                _TRIED.c.rule == rule,
                _TRIED.c.content.is_not_distinct_from(content),
                *([] if last is None else [_TRIED.c.after > last.id]),
            )
            .order_by(_TRIED.c.id)
            .limit(1)
        )
        row = self._connection.execute(query).mappings().one_or_none()
        return None if row is None else _tried_of(row)

    def add_tried(self, tried: Tried) -> bool:
        """Keep that a preview was the first with a text; false when one was before."""
        if self.tried(tried.rule, tried.content) is not None:
            return False
        self._connection.execute(
            insert(_TRIED).values(
                rule=tried.rule,
                after=tried.after,
                content=tried.content,
                brought_at=tried.brought_at,
                by=tried.by,
                people=sorted(tried.people),
            )
        )
        return True


def _publication_of(row: RowMapping) -> Publication:
    return Publication(
        id=row["id"],
        rule=row["rule"],
        content=row["content"],
        loaded_at=row["loaded_at"],
        brought_at=row["brought_at"],
        by=row["by"],
        people=frozenset(row["people"]),
        is_first=row["is_first"],
    )


def _tried_of(row: RowMapping) -> Tried:
    return Tried(
        rule=row["rule"],
        after=row["after"],
        content=row["content"],
        brought_at=row["brought_at"],
        by=row["by"],
        people=frozenset(row["people"]),
    )
