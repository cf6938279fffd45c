"""How an identity is laid out as a graph: nothing covers anything else, and nothing is lost."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from webui.identities.graph import MOST_OUTER, Inner, Outer, graph, sides

names = st.text(min_size=1, max_size=40)
outers = st.builds(Outer, name=names, text=names, word=names, address=names, is_from=st.booleans())
inners = st.builds(
    Inner,
    silo=st.sampled_from(["hr", "dir", "ad", "graph", "a" * 60]),
    name=names,
    text=names,
    address=names,
    is_there=st.booleans(),
    outer=st.lists(outers, max_size=MOST_OUTER + 3),
)


@given(st.lists(inners, max_size=12))
def test_no_box_covers_another_and_all_are_within_the_picture(objects):
    drawn = graph("Ada Cole", "", objects)
    for one, other in combinations(drawn.nodes, 2):
        apart = abs(one.x - other.x) >= one.width or abs(one.y - other.y) >= one.height
        assert apart, (one, other)
    for node in drawn.nodes:
        assert 0 <= node.x <= node.x + node.width <= drawn.width
        assert 0 <= node.y <= node.y + node.height <= drawn.height


@given(st.lists(inners, max_size=12))
def test_every_object_and_tie_is_drawn_or_said_to_be_in_the_list(objects):
    drawn = graph("Ada Cole", "", objects)
    shown = sum(1 + min(len(each.outer), MOST_OUTER) for each in objects)
    left = sum(max(len(each.outer) - MOST_OUTER, 0) for each in objects)
    assert len(drawn.nodes) == 1 + shown
    assert len(drawn.edges) == shown
    assert len(drawn.lines) == sum(1 + len(each.outer) for each in objects)
    assert drawn.note == (f"{left} more are in the list." if left else "")


@given(st.lists(inners, max_size=12))
def test_the_objects_of_a_silo_stand_together(objects):
    left, right = sides(objects)
    assert len(left) + len(right) == len(objects)
    assert not {each.silo for each in left} & {each.silo for each in right}
    assert len(graph("x", "", objects).groups) == len({each.silo for each in objects})


def test_the_identity_stands_in_the_middle():
    objects = [Inner(silo, silo, "person", "#1") for silo in ("ad", "hr")]
    drawn = graph("Ada Cole", "", objects)
    center, left, right = drawn.nodes
    assert center.kind == "identity"
    assert left.x < center.x < right.x
    assert center.x + center.width / 2 == drawn.width / 2


def test_an_object_that_is_not_there_any_more_looks_different_and_says_so():
    away = Inner("hr", "E1", "person", "#1", is_there=False)
    drawn = graph("Ada Cole", "", [away])
    assert [node.kind for node in drawn.nodes] == ["identity", "away"]
    assert drawn.lines == [("hr: E1", "person, not there any more", "#1")]


def test_a_tie_says_which_way_it_goes():
    outer = [
        Outer("Bo", "person/E2", "manager", "/identities/2"),
        Outer("sales", "group/sales", "member", "/identities/9", is_from=False),
    ]
    drawn = graph("Ada Cole", "", [Inner("hr", "E1", "person", "#1", outer=outer)])
    assert drawn.lines[1:] == [
        ("Bo", "manager of E1 (person/E2)", "/identities/2"),
        ("sales", "has as member E1 (group/sales)", "/identities/9"),
    ]
