"""Clusters part the actions exactly, and no cause is claimed that is not one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hypersync.model.causes import REST
from hypersync.pipeline.causes.choose import MOST_CLUSTERS, Clue, Feature, Kind, Share, partition
from hypersync.pipeline.causes.text import ScanFacts, cause_of, keys
from tests.candidates import NOW

shares = st.one_of(
    st.none(),
    st.tuples(st.integers(0, 50), st.integers(0, 50)).map(lambda p: Share(min(p), max(p))),
    st.integers(0, 500).map(lambda having: Share(having, 1_000_000)),
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Clue], int]:
    """Draw clues about some actions, and how many actions there are."""
    count = draw(st.integers(0, 300))
    features = draw(
        st.lists(
            st.builds(
                Feature,
                st.sampled_from(Kind),
                st.sampled_from(["hr/person", "dir/account"]),
                st.sampled_from(["company", "city"]),
                st.sampled_from(["a", "b", "s1", 7, True]),
            ),
            max_size=15,
            unique=True,
        )
    )
    sets = st.one_of(
        st.integers(0, (1 << count) - 1),
        st.integers(0, count).map(lambda first: (1 << first) - 1),
        st.just((1 << count) - 1),
    )
    return [Clue(each, draw(sets), draw(shares), draw(st.booleans())) for each in features], count


@given(cases())
def test_every_action_is_in_exactly_one_part(case: tuple[list[Clue], int]) -> None:
    clues, count = case
    parts = partition(clues, count)
    if parts:
        assert sum(part.actions.bit_count() for part in parts) == count
        together = 0
        for part in parts:
            together |= part.actions
        assert together == (1 << count) - 1


@given(cases())
def test_every_part_but_the_rest_shares_its_clue_and_is_large_enough(
    case: tuple[list[Clue], int],
) -> None:
    clues, count = case
    told = [part for part in partition(clues, count) if part.clue is not None]
    assert len(told) <= MOST_CLUSTERS
    for part in told:
        assert part.clue is not None
        assert part.actions & ~part.clue.actions == 0
        assert part.actions.bit_count() >= max(2, count / 100)


@given(cases())
def test_the_order_of_the_clues_does_not_matter(case: tuple[list[Clue], int]) -> None:
    clues, count = case
    assert partition(clues, count) == partition(clues[::-1], count)


@given(cases())
def test_what_everybody_has_is_never_told(case: tuple[list[Clue], int]) -> None:
    clues, count = case
    common = [Clue(each.feature, each.actions, Share(50, 50)) for each in clues]
    assert partition(common, count) == ()


@given(cases())
def test_a_sentence_is_about_half_of_the_actions_and_keys_are_unique(
    case: tuple[list[Clue], int],
) -> None:
    clues, count = case
    scans = {str(v): ScanFacts(silo="hr", at=NOW) for v in ("a", "b", "s1", 7, True)}
    parts = partition(clues, count)
    cause = cause_of(parts, clues, count, scans, NOW)
    if cause.text:
        assert 2 * parts[0].actions.bit_count() >= count
        assert f"of {count} " in cause.text
    assert len(set(keys(parts))) == len(parts)
    assert [each.key for each in cause.clusters] == (list(keys(parts)) if len(parts) > 1 else [])
    assert REST not in keys(parts)[:-1]
