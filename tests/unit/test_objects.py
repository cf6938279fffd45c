"""Facts that a scan reports, made one by one and many at once."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError

import pytest

from hypersync.model.objects import Seen
from hypersync.model.together import all_seen


def test_objects_that_are_made_together_are_as_those_made_one_by_one():
    attributes = [{"displayName": "ann"}, {}]
    together = all_seen("user", ["1", "2"], attributes)
    one_by_one = [Seen("user", "1", attributes[0]), Seen("user", "2", attributes[1])]
    assert together == one_by_one
    assert repr(together) == repr(one_by_one)
    assert pickle.loads(pickle.dumps(together)) == one_by_one  # noqa: S301 - our own
    assert all_seen("user", [], []) == []


def test_an_object_that_was_made_with_others_does_not_change_either():
    (seen,) = all_seen("user", ["1"], [{}])
    with pytest.raises(FrozenInstanceError):
        seen.anchor = "2"  # type: ignore[misc] # what is tried


def test_objects_without_attributes_are_not_made():
    with pytest.raises(ValueError, match="each object has an anchor and attributes"):
        all_seen("user", ["1", "2"], [{}])
