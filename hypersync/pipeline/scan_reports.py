"""Says what became of a scan: of one stream, and of all streams of a silo together. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hypersync.model.scans import Scan, ScanKind, ScanReport, ScanState, TypeCounts

_WORST = (ScanState.FAILED, ScanState.SUSPENDED, ScanState.SUPERSEDED, ScanState.APPLIED)


def report(scan_: Scan) -> ScanReport:
    """Say what became of one stream; one that people rejected before is told as suspended."""
    types = {name: verdict.counts for name, verdict in scan_.types.items()}
    state = ScanState.SUSPENDED if scan_.state is ScanState.REJECTED else scan_.state
    return ScanReport(scan_.silo, scan_.kind, state, types, scan_.reason)


def failures(reports: Sequence[ScanReport]) -> list[str]:
    """Return why streams failed; what keeps several from being read is said once."""
    failed = (each.reason for each in reports if each.state is ScanState.FAILED)
    return list(dict.fromkeys(reason for reason in failed if reason))


def together(silo: str, reports: Sequence[ScanReport]) -> ScanReport:
    """Make one report of those of all streams: the worst state, every count, each reason once."""
    states = {report.state for report in reports}
    state = next((each for each in _WORST if each in states), ScanState.APPLIED)
    is_full = any(report.kind is ScanKind.FULL for report in reports)
    types: dict[str, TypeCounts] = {}
    for report in reports:
        types |= report.types
    reasons = dict.fromkeys(report.reason for report in reports if report.reason)
    kind = ScanKind.FULL if is_full else ScanKind.DELTA
    return ScanReport(silo, kind, state, types, "; ".join(reasons) or None)
