"""Rehearses other rules over what is stored of the past, on paper.

    objects as they were ──▶ a store of its own ──▶ what scans found, step by step
                                                └─▶ a committing sync where one really ran

Nothing outside that store is written, and nothing of the project's is read but its own store. The
rules meet what others did to the silos; what our own actions did is left out, because the rehearsed
rules take their place. Requests are asked of nobody, so they end by their rule's expiry.

What cannot be known is not pretended: decisions of people are not played again, silos accept every
write, quotas and remembered VIPs begin as far as today's store tells, and attributes that no scan
read then are missing.
"""

from __future__ import annotations

from hypersync.rehearse.compare import Difference, Effect, Fate
from hypersync.rehearse.run import Rehearsal, Stopped, rehearse

__all__ = ["Difference", "Effect", "Fate", "Rehearsal", "Stopped", "rehearse"]
