"""Reads and writes plan files on disk.

A plan file holds personal values: only its owner may read it. It is written beside its place and
moved there when it is whole, so that nobody ever sees half of one.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING

from hypersync.errors import HyperSyncError, PlanFileRefused, UsageError
from hypersync.model.plan_file import Signature, signed_message
from hypersync.model.plan_lines import LONGEST_LINE, plan_lines, read_plan
from hypersync.model.signing import public_text, sign

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from hypersync.model.plan_file import PlanFile, PlanHeader, PlannedAction


class Written:
    """A plan file on its way to its place; called with the plan it writes it down."""

    def __init__(self, path: Path, file: IO[bytes], key: Ed25519PrivateKey | None) -> None:
        self._path = path
        self._file = file
        self._key = key
        self.header: PlanHeader | None = None
        self.hash = ""
        self.signed_by: tuple[str, ...] = ()

    def __call__(self, header: PlanHeader, actions: Iterable[PlannedAction]) -> str:
        """Write the plan, signed where there is a key, and return its hash."""
        self.write(header, actions, ())
        return self.hash

    def write(
        self, header: PlanHeader, actions: Iterable[PlannedAction], known: tuple[Signature, ...]
    ) -> None:
        """Write the plan with the signatures it has, and with ours."""

        def signatures(plan_hash: str) -> tuple[Signature, ...]:
            ours = () if self._key is None else (signature_of(self._key, plan_hash),)
            self.hash = plan_hash
            all_ = (*known, *ours)
            self.signed_by = tuple(each.key for each in all_)
            return all_

        self.header = header
        try:
            self._file.writelines(plan_lines(header, actions, signatures))
        except OSError as error:
            raise HyperSyncError(f"cannot write the plan: {error.strerror or error}") from error

    def document(self) -> dict[str, object]:
        """Return what ``--json`` says of the file."""
        assert self.header is not None  # noqa: S101 - it was written
        return plan_document(self._path, self.header, self.hash, self.signed_by)


def signature_of(key: Ed25519PrivateKey, plan_hash: str) -> Signature:
    """Return the signature of a plan with this private key."""
    return Signature(public_text(key), sign(key, signed_message(plan_hash)))


@contextmanager
def plan_written(path: Path, key: Ed25519PrivateKey | None = None) -> Iterator[Written]:
    """Give something that writes a plan file; it is in its place when all went well."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield Written(path, file, key)
            file.flush()
            os.fsync(file.fileno())
        _put(Path(name), path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _put(name: Path, path: Path) -> None:
    try:
        name.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def read_plan_file(path: Path) -> PlanFile:
    """Read a plan file; raises `PlanFileRefused` that names the file, and `UsageError`."""
    try:
        with path.open("rb") as file:
            return read_plan(iter(lambda: file.readline(LONGEST_LINE + 1), b""))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except PlanFileRefused as error:
        raise PlanFileRefused(f"{path}: {error.message}", error.line, str(path)) from error


def plan_document(
    path: Path, header: PlanHeader, plan_hash: str, signed_by: Iterable[str]
) -> dict[str, object]:
    """Return what ``--json`` says of a plan file."""
    return {
        "file": path,
        "hash": plan_hash,
        "signed_by": list(signed_by),
        "run": header.run,
        "kind": header.kind.value,
        "made_at": header.made_at,
        "made_by": header.made_by,
        "config": header.revision,
        "counts": asdict(header.counts),
    }


def plan_text(header: PlanHeader, plan_hash: str, signed_by: Iterable[str]) -> str:
    """Return a plan file in a few lines."""
    counts = header.counts
    signers = ", ".join(signed_by) or "nobody"
    lines = [
        f"plan {plan_hash}",
        f"  {header.kind.value} sync of {header.made_at:%Y-%m-%d %H:%M} UTC by "
        f"{header.made_by or 'somebody'} (run {header.run}), signed by {signers}",
        f"  {counts.actions} actions: {_counted(counts.verdicts)}",
    ]
    lines += [f"    {rule}: {count}" for rule, count in sorted(counts.rules.items())]
    if counts.operations:
        lines.append(f"  operations: {_counted(counts.operations)}")
    if counts.attributes:
        lines.append(f"  attributes: {_counted(counts.attributes)}")
    if counts.irreversible:
        lines.append(f"  {counts.irreversible} cannot be undone")
    if header.raises:
        raised = ", ".join(f"{rule}={number}" for rule, number in sorted(header.raises.items()))
        lines.append(f"  raised: {raised} ({header.reason})")
    return "\n".join(lines)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "nothing"
