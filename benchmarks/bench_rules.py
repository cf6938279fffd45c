"""E1: twenty rules over 100 000 identities, fused, against twenty hand-written lambdas.

Both sides get the same decoded structs and must give the same answers. The lambdas do what the
rules say, missing values included, as somebody would write them by hand. The best of several
alternating rounds counts, because machines are noisy.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypersync.model.objects import EnabledSpec
from hypersync.rulebook.expression import parse
from hypersync.rulebook.names import Names
from hypersync.rulebook.nodes import Compiled, SlotState, State, conjunction
from hypersync.rulebook.reading import attributes_named
from hypersync.rulebook.rules import Rule, Rulebook, RuleKind, Slot

IDENTITIES = 100_000
ROUNDS = 3
TARGET = 0.9
NOW = datetime(2026, 3, 2, tzinfo=UTC)
TODAY = NOW.date()
DEPARTMENTS = ("Sales", "IT", "HR", "Legal", "Ops")

Objects = Sequence[Any]
Lambda = Callable[[Any, Any], bool]

ACTIVE = "hr.status == 'active' and (missing(hr.endDate) or date(hr.endDate) >= today())"


def _active(hr: Any) -> bool:
    return (
        hr is not None
        and hr.status is not None
        and hr.status == "active"
        and (hr.endDate is None or date.fromisoformat(hr.endDate) >= TODAY)
    )


# (precondition on ad, in scope active, condition, the same by hand)
RULES: tuple[tuple[State, bool, str, Lambda], ...] = (
    (State.EMPTY, True, "hr.department != 'Contractors'",
     lambda hr, ad: ad is None and _active(hr)
     and hr.department is not None and hr.department != "Contractors"),
    (State.FILLED, True, "hr.department == 'Sales'",
     lambda hr, ad: ad is not None and _active(hr)
     and hr.department is not None and hr.department == "Sales"),
    (State.FILLED, True, "hr.department == 'IT' and hr.level in ('C', 'VP')",
     lambda hr, ad: ad is not None and _active(hr)
     and hr.department is not None and hr.department == "IT"
     and hr.level is not None and hr.level in ("C", "VP")),
    (State.FILLED, True, "hr.department == 'HR' or hr.department == 'Legal'",
     lambda hr, ad: ad is not None and _active(hr) and hr.department is not None
     and (hr.department == "HR" or hr.department == "Legal")),
    (State.FILLED, True, "not ad.enabled",
     lambda hr, ad: ad is not None and _active(hr) and ad.active is not None
     and ad.active == "no"),
    (State.FILLED, True, "lower(hr.mail) != lower(ad.mail)",
     lambda hr, ad: ad is not None and _active(hr) and hr.mail is not None
     and ad.mail is not None and hr.mail.lower() != ad.mail.lower()),
    (State.FILLED, True, "startswith(hr.title, 'Chief')",
     lambda hr, ad: ad is not None and _active(hr) and hr.title is not None
     and hr.title.startswith("Chief")),
    (State.FILLED, True, "present(hr.managerId)",
     lambda hr, ad: ad is not None and _active(hr) and hr.managerId is not None),
    (State.FILLED, True, "hr.department != ad.department",
     lambda hr, ad: ad is not None and _active(hr) and hr.department is not None
     and ad.department is not None and hr.department != ad.department),
    (State.FILLED, True, "hr.country == 'FR' and hr.level == 'VP'",
     lambda hr, ad: ad is not None and _active(hr) and hr.country is not None
     and hr.country == "FR" and hr.level is not None and hr.level == "VP"),
    (State.FILLED, False, "hr.status == 'left' and ad.enabled",
     lambda hr, ad: ad is not None and hr is not None and hr.status is not None
     and hr.status == "left" and ad.active is not None and ad.active == "yes"),
    (State.FILLED, False, "date(hr.endDate) < today() and ad.enabled",
     lambda hr, ad: ad is not None and hr is not None and hr.endDate is not None
     and date.fromisoformat(hr.endDate) < TODAY and ad.active is not None
     and ad.active == "yes"),
    (State.FILLED, False, "not hr.exists and ad.enabled",
     lambda hr, ad: ad is not None and hr is None and ad.active is not None
     and ad.active == "yes"),
    (State.FILLED, False, "hr.status == 'leave' and hr.country in ('FR', 'DE', 'ES')",
     lambda hr, ad: ad is not None and hr is not None and hr.status is not None
     and hr.status == "leave" and hr.country is not None
     and hr.country in ("FR", "DE", "ES")),
    (State.FILLED, False, "ad.department == 'Ops' and not (hr.department == 'Ops')",
     lambda hr, ad: ad is not None and ad.department is not None and ad.department == "Ops"
     and hr is not None and hr.department is not None and hr.department != "Ops"),
    (State.FILLED, True, "contains(hr.title, 'Engineer') and hr.country == 'DE'",
     lambda hr, ad: ad is not None and _active(hr) and hr.title is not None
     and "Engineer" in hr.title and hr.country is not None and hr.country == "DE"),
    (State.FILLED, True, "hr.grade >= 12",
     lambda hr, ad: ad is not None and _active(hr) and hr.grade is not None
     and hr.grade >= 12),
    (State.FILLED, True, "hr.grade < 3 and hr.department in ('Sales', 'Ops')",
     lambda hr, ad: ad is not None and _active(hr) and hr.grade is not None and hr.grade < 3
     and hr.department is not None and hr.department in ("Sales", "Ops")),
    (State.FILLED, True, "endswith(ad.mail, '@old.example.org')",
     lambda hr, ad: ad is not None and _active(hr) and ad.mail is not None
     and ad.mail.endswith("@old.example.org")),
    (State.FILLED, True, "hr.level == 'C' or hr.title == 'Board'",
     lambda hr, ad: ad is not None and _active(hr)
     and ((hr.level is not None and hr.level == "C")
          or (hr.title is not None and hr.title == "Board"))),
)  # fmt: skip


def a_rulebook() -> Rulebook:
    """Make the rulebook of the twenty rules."""
    names = Names(slots={"hr": None, "ad": None})
    scope = parse(ACTIVE, names).node
    rules = []
    for index, (state, is_scoped, source, _) in enumerate(RULES):
        parts = (SlotState("ad", state, f"ad {state.value}"),)
        node = conjunction((*parts, *([scope] if is_scoped else []), parse(source, names).node))
        rules.append(_rule(index, Compiled(source, node)))
    named = attributes_named([rule.pure.node for rule in rules])
    return Rulebook(
        revision="benchmark",
        slots=(
            Slot(name="hr", silo="hr", type="person"),
            Slot(name="ad", silo="ad", type="user", enabled=EnabledSpec("active", "yes", "no")),
        ),
        joins=(),
        rules=tuple(rules),
        vips=(),
        tables={},
        environment={},
        attributes={},
        decoded={"hr": frozenset(named["hr"]), "ad": frozenset({*named["ad"], "active"})},
    )


def _rule(index: int, pure: Compiled) -> Rule:
    fields = dict.fromkeys(Rule.__dataclass_fields__)
    fields |= {"index": index, "id": f"rule-{index}", "kind": RuleKind.UPDATE, "pure": pure}
    return Rule(**{**fields, "target": "ad", "set": {}, "once": {}, "vips": ()})  # type: ignore[arg-type]


def identities(rulebook: Rulebook, count: int) -> list[tuple[Any, Any]]:
    """Make decoded objects, always the same ones; some slots are empty, some values missing."""
    rng = random.Random(20260302)  # noqa: S311 - made-up people
    hr_layout, ad_layout = rulebook.layouts()
    made = []
    for number in range(count):
        department = rng.choice(DEPARTMENTS)
        ended = rng.random() < 0.15
        end = NOW + timedelta(days=rng.randint(-300, 300))
        hr = {
            "status": rng.choice(("active",) * 17 + ("left", "left", "leave")),
            "endDate": end.date().isoformat() if ended else None,
            "department": department,
            "level": rng.choice((None, None, "A", "B", "C", "VP")),
            "mail": f"user{number}@example.org",
            "title": rng.choice(("Engineer", "Chief Officer", "Clerk", "Senior Engineer", None)),
            "managerId": f"E{number // 10}",
            "country": rng.choice(("FR", "DE", "ES", "US")),
            "grade": rng.randint(1, 14),
        }
        ad = {
            "active": rng.choice(("yes",) * 9 + ("no",)),
            "mail": f"User{number}@example.org",
            "department": department if rng.random() < 0.98 else "Ops",
        }
        made.append(
            (
                None if rng.random() < 0.02 else hr_layout.of(hr),
                None if rng.random() < 0.03 else ad_layout.of(ad),
            )
        )
    return made


class _NoWorld:
    """These rules ask the world nothing."""

    unique = reference = initial_password = disabled_by_us = count = quota = None


def run() -> list[dict[str, Any]]:
    """Measure and return the rows of the table."""
    rulebook = a_rulebook()
    people = identities(rulebook, IDENTITIES)
    fused = rulebook.bind(NOW, _NoWorld()).fused  # type: ignore[arg-type]
    lambdas = [by_hand for _, _, _, by_hand in RULES]
    for hr, ad in people[:5_000]:
        assert fused((hr, ad), 0, 0, 0) == tuple(rule(hr, ad) for rule in lambdas)
    by_fused, by_lambdas = [], []
    for _ in range(ROUNDS):
        by_lambdas.append(_timed(lambda: _all_lambdas(lambdas, people)))
        by_fused.append(_timed(lambda: _all_fused(fused, people)))
    assert by_fused[0][1] == by_lambdas[0][1]
    figure = min(seconds for seconds, _ in by_fused)
    floor = min(seconds for seconds, _ in by_lambdas)
    return [
        {
            "case": f"E1 {len(RULES)} rules, {IDENTITIES} identities, fused against lambdas",
            "figure": figure,
            "floor": floor,
            "ratio": figure / floor,
            "target": TARGET,
            "unit": "s",
        }
    ]


def _all_fused(fused: Callable[..., tuple[bool, ...]], people: list[tuple[Any, Any]]) -> int:
    return sum(sum(fused(objects, 0, 0, 0)) for objects in people)


def _all_lambdas(lambdas: list[Lambda], people: list[tuple[Any, Any]]) -> int:
    return sum(sum([rule(hr, ad) for rule in lambdas]) for hr, ad in people)


def _timed(measured: Callable[[], int]) -> tuple[float, int]:
    gc.collect()
    started = time.perf_counter()
    fired = measured()
    return time.perf_counter() - started, fired
