from __future__ import annotations

import re

from hypersync.model.ids import new_public_id


def test_public_ids_are_opaque_differ_and_are_never_read_as_a_flag():
    fresh = [new_public_id() for _ in range(2_000)]
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{21}", each) for each in fresh)
    assert len(set(fresh)) == len(fresh)
