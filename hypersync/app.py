"""The composition root: `build` turns a configuration into an `App`; everybody calls it.

With `wiring`, which makes the parts, this is the only place that knows which adapter stands behind
which port. Nothing is reached for until it is used: connectors open when a silo is scanned or
written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version

from hypersync.approvals.admin import administrator
from hypersync.approvals.deliver import Delivered, deliver
from hypersync.approvals.settings import Loaded, Settings
from hypersync.approvals.tick import TickReport, tick
from hypersync.clock import SystemClock
from hypersync.config.models import Configuration
from hypersync.connectors.registry import build as build_connector
from hypersync.errors import UsageError
from hypersync.messages.render import Renderer
from hypersync.model.actions import Action
from hypersync.model.ids import IdentityId, RunId, new_public_id
from hypersync.model.plan_file import ReviewedPlan, check_home
from hypersync.model.runs import Run, RunKind, RunMode
from hypersync.model.scans import ScanReport
from hypersync.pipeline import why as questions
from hypersync.pipeline.engine import Engine, Order, PlanOut, WritePlan
from hypersync.pipeline.raises import check_raises
from hypersync.pipeline.scan import Scanning, Source, apply_approved, scan
from hypersync.pipeline.source_guard import SourceGuard
from hypersync.pipeline.sync import sync
from hypersync.pipeline.undo.irreversible import Irreversible, irreversible
from hypersync.pipeline.undo.survey import Undone
from hypersync.pipeline.undoing import UndoOrder, undo
from hypersync.pipeline.unlock import note_expiries
from hypersync.ports.channel import Channel
from hypersync.ports.clock import Clock
from hypersync.ports.connector import Connector, lag, recreates
from hypersync.ports.progress import NoProgress, Progress
from hypersync.rulebook.load import load_rulebook
from hypersync.rulebook.rules import Rulebook
from hypersync.store.engine import open_engine
from hypersync.store.schema import prepare
from hypersync.store.unit import Store
from hypersync.wiring import engine_of, mail_channel, needed_attributes, settings_of


@dataclass(frozen=True, slots=True)
class Ticked:
    """What one tick did: requests that moved on, messages that went out, keys that ended."""

    moved: TickReport
    delivered: Delivered
    unlocks_expired: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """Everything a command, the daemon or the web needs; close it when done."""

    configuration: Configuration
    rulebook: Rulebook
    store: Store
    connectors: Mapping[str, Connector]
    settings: Settings
    engine: Engine
    channels: Mapping[str, Channel]
    renderer: Renderer
    clock: Clock
    progress: Progress
    started_by: str

    def close(self) -> None:
        """Give back what is open."""
        self.store.close()

    # --- the pipeline --------------------------------------------------------------------------

    def sync(
        self,
        kind: str | None = None,
        *,
        object_key: tuple[str, str, str] | None = None,
        commit: bool = False,
        scans: Sequence[str] = (),
        raises: Mapping[str, int] | None = None,
        reason: str | None = None,
        started_by: str | None = None,
        out: WritePlan | None = None,
    ) -> Run:
        """Sync once; a preview unless ``commit``.

        ``raises`` are limits for this run only, by rule, and ``reason`` says why. ``out`` gets the
        plan, while nobody sees it yet. Raises `LeaseHeld`, and what `check_raises` does.
        """
        self.check_raises(raises or {}, reason, commit=commit)
        if commit:
            apply_approved(self._scanning(), [self._source(name) for name in self.connectors])
        order = Order(
            mode=RunMode.COMMIT if commit else RunMode.PREVIEW,
            kind=None if kind is None else RunKind(kind),
            object_key=object_key,
            started_by=started_by or self.started_by,
            scans=scans,
            raises=raises or {},
            reason=reason,
            out=None if out is None else self._plan_out(out),
        )
        return sync(self.engine, order, self.progress)

    def apply(self, plan: ReviewedPlan, *, commit: bool = True, scans: Sequence[str] = ()) -> Run:
        """Carry out exactly a reviewed plan; without ``commit`` only say whether that can be.

        Raises `PlanMoved` when the world is another one, `PlanFileRefused` for the plan of another
        installation or database, `LeaseHeld`, and what `check_raises` does.
        """
        header = plan.header
        check_home(header, self.configuration.installation, self.configuration.environment_name)
        self.check_raises(header.raises, header.reason, commit=commit)
        order = Order(
            mode=RunMode.COMMIT if commit else RunMode.PREVIEW,
            kind=header.kind,
            object_key=header.object_key,
            started_by=self.started_by,
            scans=scans,
            raises=header.raises,
            reason=header.reason,
            expected=plan,
        )
        return sync(self.engine, order, self.progress)

    def _plan_out(self, write: WritePlan) -> PlanOut:
        return PlanOut(
            version=version("hypersync"),
            installation=self.configuration.installation,
            environment=self.configuration.environment_name,
            write=write,
        )

    def check_raises(self, raises: Mapping[str, int], reason: str | None, *, commit: bool) -> None:
        """Refuse raises that cannot be: `UsageError`, and `DecisionRefused` for who is no admin."""
        check_raises(raises, reason, [rule.id for rule in self.rulebook.rules])
        if raises and commit:
            administrator(self.started_by, "raise a limit in a committing sync", self.settings)

    def undo(
        self, run: RunId, rule: str | None = None, *, commit: bool = False
    ) -> tuple[Run, Undone]:
        """Take back what a run did, or did for one rule; a preview unless ``commit``.

        Returns the run that does, and what is left as it is. Raises `NotFound`, `UsageError` and
        `LeaseHeld`.
        """
        order = UndoOrder(
            run=run,
            rule=rule,
            mode=RunMode.COMMIT if commit else RunMode.PREVIEW,
            started_by=self.started_by,
        )
        return undo(self.engine, order, self.progress)

    def irreversible(self, run: Run) -> Irreversible:
        """Count the actions of a run that nothing takes back."""
        types = frozenset(
            (name, kind.name)
            for name, each in self.connectors.items()
            for stream in each.streams()
            for kind in stream
            if recreates(each, kind.name)
        )
        with self.store.snapshot() as unit:
            return irreversible(unit.actions.operations(run.id), types)

    def scan(self, silos: Collection[str] = (), *, full: bool = False) -> list[ScanReport]:
        """Scan these silos, or all; raises `UsageError` for unknown ones and `LeaseHeld`."""
        unknown = sorted(set(silos) - set(self.connectors))
        if unknown:
            known = ", ".join(self.connectors)
            raise UsageError(f"there is no silo {unknown[0]!r}; there are {known}")
        wanted = silos or self.connectors
        sources = [self._source(name) for name in wanted]
        return [scan(self._scanning(), each, full=full, progress=self.progress) for each in sources]

    def scan_for_rules(self) -> list[ScanReport]:
        """Scan every silo that the rulebook names, changes only where the connector can."""
        named = {slot.silo for slot in self.rulebook.slots}
        return self.scan([name for name in self.connectors if name in named])

    def _scanning(self) -> Scanning:
        return Scanning(
            store=self.store,
            joins=self.engine.silos.joins,
            clock=self.clock.now,
            open_request=self.engine.open_request,
            holder=self.started_by,
            unsaid=self.engine.guards.unsaid,
            circuits=self.engine.circuits,
            tell_end=self.engine.tell_end,
        )

    def _source(self, name: str) -> Source:
        guard, connector = self.configuration.silos[name].source_guard, self.connectors[name]
        return Source(
            silo=name,
            connector=connector,
            guard=SourceGuard(
                drop=guard.drop,
                min_population=guard.min_population,
                rekeyed=guard.rekeyed,
                canaries=guard.canaries,
                grace=(1 if lag(connector) else 0) if guard.grace is None else guard.grace,
                settle=self.engine.silos.settle.get(name, timedelta(0)),
            ),
        )

    def tick(self) -> Ticked:
        """Do once what is due: steps and expiries of requests, then the outbox."""
        moved = tick(self.store, now=self.clock.now(), settings=self.settings)
        over = note_expiries(self.store, self.engine.lock, self.clock.now())
        delivered = deliver(
            self.store,
            channels=self.channels,
            writer=self.renderer,
            worker=new_public_id(),
            clock=self.clock.now,
            settings=self.settings,
        )
        return Ticked(moved, delivered, over)

    def why(self, identity: IdentityId) -> questions.Answer:
        """Return every rule for an identity with the values it read; raises `NotFound`."""
        return questions.why(self.engine, identity)

    def explain(self, action: Action) -> tuple[questions.Trace, ...]:
        """Return the values that the rule of an action reads."""
        return questions.explain(self.engine, action)


def build(
    configuration: Configuration,
    *,
    started_by: str,
    clock: Clock | None = None,
    progress: Progress | None = None,
) -> App:
    """Build the application; raises `ConfigurationError`, `StoreOlder` and `StoreNewer`."""
    rulebook = load_rulebook(configuration)
    connectors = {
        name: build_connector(
            name, silo, root=configuration.root, needed=needed_attributes(rulebook, name)
        )
        for name, silo in configuration.silos.items()
    }
    database = open_engine(configuration.database_url)
    prepare(database)
    store = Store(database)
    used_clock = clock or SystemClock()
    loaded = Loaded(
        rules={rule.id: rule.text_hash for rule in rulebook.rules},
        at=used_clock.now(),
        by=started_by,
        published_by=configuration.published_by,
    )
    settings = settings_of(configuration, rulebook, loaded)
    engine = engine_of(configuration, rulebook, store, connectors, settings, used_clock)
    return App(
        configuration=configuration,
        rulebook=rulebook,
        store=store,
        connectors=connectors,
        settings=settings,
        engine=engine,
        channels={"email": mail_channel(configuration)},
        renderer=Renderer(configuration.root / "templates", configuration.environment_name),
        clock=used_clock,
        progress=progress or NoProgress(),
        started_by=started_by,
    )
