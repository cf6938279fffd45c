"""What the reports of several streams say together."""

from hypersync.model.scans import ScanKind, ScanReport, ScanState, TypeCounts
from hypersync.pipeline.scan_reports import failures, together


def said(state: ScanState, reason: str | None, kind: str = "user") -> ScanReport:
    return ScanReport("app", ScanKind.DELTA, state, {kind: TypeCounts()}, reason)


def test_a_reason_of_several_streams_is_said_once_and_others_besides():
    reports = [
        said(ScanState.FAILED, "nobody listens"),
        said(ScanState.FAILED, "nobody listens", "group"),
        said(ScanState.SUSPENDED, "half of them are missing", "unit"),
        said(ScanState.APPLIED, None, "room"),
    ]
    whole = together("app", reports)
    assert whole.reason == "nobody listens; half of them are missing"
    assert whole.state is ScanState.FAILED
    assert set(whole.types) == {"user", "group", "unit", "room"}
    assert failures(reports) == ["nobody listens"]


def test_without_a_reason_there_is_none():
    reports = [said(ScanState.APPLIED, None), said(ScanState.APPLIED, None, "group")]
    assert together("app", reports).reason is None
    assert failures(reports) == []
