"""Numbers become the coordinates of plots."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from hypersync.messages.render import Renderer
from webui.drawing import (
    BOTTOM,
    LEFT,
    MOST_DOTS,
    MOST_LABELS,
    RIGHT,
    TOP,
    Band,
    Bar,
    Line,
    Scale,
    bars,
    dates,
    kind,
    lines,
    short,
    steps,
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ACROSS = Scale(0, 1, LEFT, RIGHT)


def bar(number: int, values=(3, 1), mark=None) -> Bar:
    return Bar(label=f"r{number}", text=f"run {number}", values=values, mark=mark)


def some_bars(*all_bars: Bar):
    return bars(
        "b", "T", "D", parts=("let through", "stopped"), all_bars=all_bars, head="Run", mark="limit"
    )


def plotted(text: str) -> str:
    template = '{% from "web/_plots.html" import plot %}{{ plot(view) }}'
    return Renderer()._environment.from_string(template).render(view=text)


@pytest.mark.parametrize(
    ("lowest", "highest", "expected"),
    [
        (0, 0, [0, 1]),
        (0, 1, [0, 1]),
        (0, 4, [0, 1, 2, 3, 4]),
        (0, 5, [0, 2, 4, 6]),
        (0, 17, [0, 5, 10, 15, 20]),
        (0, 1842, [0, 500, 1000, 1500, 2000]),
        (9500, 10500, [9500, 10000, 10500]),
        (7, 7, [7, 8]),
    ],
)
def test_an_axis_has_round_numbers_around_all_values(lowest, highest, expected):
    assert steps(lowest, highest) == expected


def test_an_axis_never_leaves_out_a_value():
    for lowest in range(0, 300, 7):
        for highest in range(lowest, 3000, 131):
            ticks = steps(lowest, highest)
            assert ticks[0] <= lowest
            assert ticks[-1] >= highest
            assert 2 <= len(ticks) <= 7


def test_bars_stand_on_the_ground_with_their_parts_on_top_of_each_other():
    plot = some_bars(bar(1, (3, 1)))
    below, above = plot.bars
    assert below.y + below.height == pytest.approx(BOTTOM)
    assert above.y + above.height == pytest.approx(below.y)
    assert above.y == pytest.approx(TOP)
    assert below.height == pytest.approx(3 * above.height)
    assert (below.kind, above.kind) == ("k0", "k1")
    assert above.text == "run 1: 1 stopped"


def test_the_mark_of_a_bar_stands_at_its_height_over_the_whole_place():
    plot = some_bars(bar(1, (2, 0), mark=4), bar(2, (4, 0)))
    (mark,) = plot.marks
    assert mark.y == pytest.approx(TOP)
    assert (mark.left, mark.right) == (LEFT, pytest.approx((LEFT + RIGHT) / 2))
    assert mark.text == "run 1: limit 4"


def test_a_limit_of_nothing_is_drawn_on_the_ground():
    (mark,) = some_bars(bar(1, (2, 0), mark=0)).marks
    assert mark.y == BOTTOM


def test_bars_stay_side_by_side_within_the_plot_however_many():
    plot = some_bars(*(bar(number) for number in range(90)))
    edges = [(each.x, each.x + each.width) for each in plot.bars if each.kind == "k0"]
    assert edges[0][0] >= LEFT
    assert edges[-1][1] <= RIGHT
    assert all(left[1] <= right[0] for left, right in pairwise(edges))
    assert len(plot.across) <= MOST_LABELS
    assert plot.across[-1].label == "r89"


def test_the_table_says_what_the_bars_show():
    plot = some_bars(bar(1, (1234, 0), mark=5), bar(2))
    assert plot.columns == ("Run", "let through", "stopped", "limit")
    assert plot.rows == [("run 1", "1\xa0234", "0", "5"), ("run 2", "3", "1", "\N{EN DASH}")]


def test_a_line_goes_through_its_points_and_has_a_gap_where_nothing_is_known():
    points = [(NOON, 0), (NOON + DAY, 10), (NOON + 2 * DAY, None), (NOON + 3 * DAY, 10)]
    plot = lines("l", "T", "D", all_lines=[Line("live", points)], zone="UTC")
    before, after = plot.lines[0].path.split(" M")
    assert before.startswith(f"M{LEFT + 6} {BOTTOM} L")
    assert after.split()[0] == str(RIGHT - 6)
    assert len(plot.dots) == 3


def test_many_points_are_drawn_without_dots():
    points = [(NOON + number * DAY, number) for number in range(MOST_DOTS + 1)]
    assert lines("l", "T", "D", all_lines=[Line("live", points)], zone="UTC").dots == []


def test_a_band_encloses_what_lies_between_its_edges():
    band = Band("believed", [(NOON, 90, 110), (NOON + DAY, 92, 112)])
    points = [(NOON, 100), (NOON + DAY, 102)]
    plot = lines("l", "T", "D", all_lines=[Line("live", points)], zone="UTC", band=band)
    (area,) = plot.areas
    corners = area.path.removesuffix(" Z")[1:].split(" L")
    assert len(corners) == 4
    left = {corner.split()[0] for corner in (corners[0], corners[3])}
    assert left == {str(LEFT + 6)}
    upper, lower = (float(corners[number].split()[1]) for number in (0, 3))
    assert upper < plot.dots[0].y < lower
    assert plot.columns == ("When", "live", "believed: from", "to")
    assert plot.rows[0][1:] == ("102", "92", "112")
    assert plot.legend[-1].kind == "band"


def test_the_axis_of_lines_may_begin_at_zero():
    points = [(NOON, 1000), (NOON + DAY, 1010)]
    shown = [Line("live", points)]
    near = lines("l", "T", "D", all_lines=shown, zone="UTC")
    whole = lines("l", "T", "D", all_lines=shown, zone="UTC", from_zero=True)
    assert (near.up[0].label, whole.up[0].label) == ("1\xa0000", "0")


def test_a_single_point_stands_in_the_middle():
    plot = lines("l", "T", "D", all_lines=[Line("live", [(NOON, 7)])], zone="UTC")
    assert plot.dots[0].x == pytest.approx((LEFT + RIGHT) / 2)
    assert plot.across


@pytest.mark.parametrize(
    ("span", "labels"),
    [
        (timedelta(hours=5), ["12:00", "13:00", "14:00", "15:00", "16:00", "17:00"]),
        (timedelta(days=2), ["12:00", "3 Mar", "12:00", "4 Mar", "12:00"]),
        (timedelta(days=30), ["9 Mar", "16 Mar", "23 Mar", "30 Mar"]),
        (timedelta(days=700), ["Aug 2026", "Mar 2027", "Aug 2027"]),
    ],
)
def test_dates_stand_at_round_local_times(span, labels):
    assert [tick.label for tick in dates(NOON, NOON + span, "UTC", ACROSS)] == labels


def test_days_stay_days_when_the_clocks_are_set():
    begin = datetime(2026, 3, 28, 0, 0, tzinfo=UTC)
    scale = Scale(0, 1, 0, 1)
    found = dates(begin, begin + 4 * DAY, "Europe/Paris", scale)
    assert [tick.label for tick in found] == ["29 Mar", "30 Mar", "31 Mar", "1 Apr"]
    assert found[1].at - found[0].at == 23 * 3600
    assert found[2].at - found[1].at == 24 * 3600


def test_nothing_to_draw_is_said():
    empty = lines("l", "Objects", "D", all_lines=[Line("live", [])], zone="UTC")
    assert "Nothing to draw yet." in plotted(empty)
    assert "<svg" not in plotted(some_bars())


def test_a_plot_says_what_it_is_without_being_seen():
    page = plotted(some_bars(bar(1, mark=2)))
    assert 'role="img" aria-labelledby="b-title b-text"' in page
    assert '<title id="b-title">T</title>' in page
    assert '<desc id="b-text">D</desc>' in page
    assert '<th scope="row">run 1</th>' in page
    assert "style=" not in page


def test_texts_of_a_plot_are_escaped():
    page = plotted(some_bars(Bar(label="<b>", text="<script>", values=(1, 0), mark=1)))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_colours_repeat_and_large_numbers_have_room():
    assert (kind(0), kind(5), kind(6)) == ("k0", "k5", "k0")
    assert (short(999_999), short(1_500_000)) == ("999\xa0999", "1.5 M")
