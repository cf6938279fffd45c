"""The model notices a company whose guards go by other terms than it was told."""

import pytest

from tests.properties.machine_model import Broken, Model
from tests.properties.machine_world import Company, Terms, dissolve, found_company, numbered_ids

BOSS = ["title", "boss"]


@pytest.fixture
def company():
    with numbered_ids():
        company = found_company()
        yield company
        dissolve(company)


def turn(company: Company, change: list[str], *numbers: int, kind: str = "delta") -> None:
    """Change people, scan and sync; the model looks."""
    name, value = change
    for number in numbers:
        company.change(number, **{name: value})
    company.later(minutes=2)
    company.app.scan()
    company.sync(kind)
    company.show()


def told(company: Company, real: Terms, said: Terms) -> None:
    """Let a model watch a company under the one terms that is told the others."""
    company.restart(real)
    company.run("full")
    model = Model(company)
    model.look()
    company.watchers.append(model.look)
    company.terms = said


@pytest.mark.parametrize(
    ("real", "said", "why"),
    [
        (Terms(limit="3"), Terms(limit="2"), "3 of 2, and .* was let through"),
        (Terms(limit="2"), Terms(limit="3"), "3 of 3 tripped"),
        (Terms(limit="3"), Terms(limit="3", gone="title"), "its rule is gone"),
        (Terms(limit="3"), Terms(limit="3", simulate=True), "ran in a simulation"),
    ],
    ids=["more", "less", "gone", "simulated"],
)
def test_three_titles_under_other_terms_are_noticed(company, real, said, why):
    told(company, real, said)
    with pytest.raises(Broken, match=why):
        turn(company, BOSS, 1, 2, 3)


def test_a_lookback_that_forgets_is_noticed(company):
    told(company, Terms(limit="3"), Terms(limit="2"))
    turn(company, BOSS, 1, 2)
    with pytest.raises(Broken, match=r"3 of 2, and .* was let through"):
        turn(company, BOSS, 3)


def test_a_vip_who_is_let_through_is_noticed(company):
    told(company, Terms(has_vips=False), Terms())
    with pytest.raises(Broken, match="is a VIP's"):
        turn(company, BOSS, 0, kind="full")


def test_a_delete_too_many_is_noticed(company):
    told(company, Terms(deletes=2), Terms(deletes=1))
    with pytest.raises(Broken, match="deletes"):
        turn(company, ["status", "purged"], 1, 2)


def test_a_company_that_keeps_its_terms_breaks_nothing(company):
    told(company, Terms(), Terms())
    turn(company, BOSS, 1, 2)
    turn(company, BOSS, 0, 3)
    turn(company, ["status", "purged"], 1, 2, 4)
