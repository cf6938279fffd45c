"""What one part of the configuration says about another: every name must exist. Pure.

Names that expressions use (slots, attributes, functions) are the rulebook's to check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypersync.config.mistakes import Path, close_to
from hypersync.config.sign_in_references import sign_in_mistakes
from hypersync.model.mistake import Level, Mistake

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hypersync.config.located import Located
    from hypersync.config.models import Configuration
    from hypersync.config.people_models import PlanConfig, StepConfig
    from hypersync.config.rule_models import RuleConfig, RuleFile


def reference_mistakes(configuration: Configuration) -> list[Mistake]:
    """Return what does not fit together."""
    return [
        *_needed(configuration),
        *_joins(configuration),
        *_vip(configuration),
        *_schedules(configuration),
        *_people(configuration),
        *_roles(configuration),
        *_publisher(configuration),
        *_plans(configuration),
        *_rules(configuration),
        *_unlock(configuration),
        *sign_in_mistakes(configuration),
    ]


def _mistake(
    owner: Located,
    path: Path,
    message: str,
    remedy: str,
    level: Level = Level.ERROR,
) -> Mistake:
    place = owner.place(*path)
    return Mistake(message, remedy, place.file, place.line, level)


def _needed(configuration: Configuration) -> Iterator[Mistake]:
    remedies = {
        "secret_keys": 'write secret_keys: ["${HYPERSYNC_SECRET_KEY}"]',
        "silos": "add the systems to keep in step",
        "joins": "say which objects belong together",
    }
    for name, remedy in remedies.items():
        if not configuration.given().get(name):
            problem = "is empty" if configuration.is_set(name) else "is missing"
            yield _mistake(configuration, (name,), f"{name} {problem}", remedy)


def _joins(configuration: Configuration) -> Iterator[Mistake]:
    slots: dict[str, tuple[str, str]] = {}
    for join in configuration.joins:
        silo = configuration.silos.get(join.silo)
        if silo is None:
            remedy = close_to(join.silo, configuration.silos)
            yield _mistake(join, ("silo",), f"there is no silo {join.silo!r}", remedy)
        elif join.type not in silo.types:
            message = f"the silo {join.silo!r} has no type {join.type!r}"
            yield _mistake(join, ("type",), message, close_to(join.type, silo.types))
        first = slots.setdefault(join.slot, (join.silo, join.type))
        if first != (join.silo, join.type):
            message = f"the slot {join.slot!r} is already the type {first[1]!r} of {first[0]!r}"
            yield _mistake(join, ("slot",), message, "choose another name")


_BUILT_IN_VIPS = frozenset({"protected", "replaced", "roles", "self"})
"""The names of `hypersync.pipeline.vip`: what a rule of that name says would be said of those."""


def _vip(configuration: Configuration) -> Iterator[Mistake]:
    seen: set[str] = set()
    for vip in configuration.vip:
        if vip.name in seen or vip.name.partition(":")[0] in _BUILT_IN_VIPS:
            message = f"there is already a VIP rule {vip.name!r}"
            yield _mistake(vip, ("name",), message, "choose another name")
        seen.add(vip.name)
        yield from _plan_named(configuration, vip, ("plan",), vip.plan)


def _schedules(configuration: Configuration) -> Iterator[Mistake]:
    for schedule in configuration.schedules:
        if schedule.scan is not None and schedule.scan not in configuration.silos:
            remedy = close_to(schedule.scan, configuration.silos)
            yield _mistake(schedule, ("scan",), f"there is no silo {schedule.scan!r}", remedy)


def _people(configuration: Configuration) -> Iterator[Mistake]:
    users: dict[str, str] = {}
    addresses: dict[str, str] = {}
    for name, person in configuration.people.items():
        if person.delegate == name:
            yield _mistake(person, ("delegate",), f"{name!r} is their own delegate", "name another")
        elif person.delegate is not None:
            yield from _person_named(configuration, person, ("delegate",), person.delegate)
        first = users.setdefault(person.os_user or f"\0{name}", name)
        if first != name:
            message = f"{person.os_user!r} is already the system user of {first!r}"
            yield _mistake(person, ("os_user",), message, "one system user is one person")
        first = addresses.setdefault(person.email.casefold(), name)
        if first != name:
            message = f"{person.email!r} is already the address of {first!r}"
            yield _mistake(person, ("email",), message, "one address is one person")
        yield from _steps(configuration, person, ("plan",), person.plan, is_own_plan=True)


def _roles(configuration: Configuration) -> Iterator[Mistake]:
    """Find groups that are none: whoever goes in or out of them would not be asked about."""
    for role in configuration.roles.values():
        for number, group in enumerate(role.groups):
            silo, _, rest = group.partition("/")
            kind, _, anchor = rest.partition("/")
            known = configuration.silos.get(silo)
            if known is None or kind not in known.types or not anchor:
                message = f"{group!r} names no group of a silo"
                remedy = "write SILO/TYPE/ANCHOR with a silo and a type of this configuration"
                yield _mistake(role, ("groups", number), message, remedy)


def _publisher(configuration: Configuration) -> Iterator[Mistake]:
    """Warn about a publisher who is nobody: it is not known then who changed a rule."""
    name = configuration.published_by
    if name is not None and name not in configuration.people:
        message = f"there is no person {name!r}; what changed rules want takes one more approval"
        remedy = close_to(name, configuration.people, otherwise="add them under people:")
        yield _mistake(configuration, ("published_by",), message, remedy, Level.WARNING)


def _plans(configuration: Configuration) -> Iterator[Mistake]:
    for plan in configuration.plans.values():
        yield from _steps(configuration, plan, ("steps",), plan.steps, is_own_plan=False)
        yield from _unreachable(plan)
        for number, approver in enumerate(plan.approvers or ()):
            scheme, _, name = approver.partition(":")
            if scheme == "person":
                yield from _person_named(configuration, plan, ("approvers", number), name)
        yield from _approvers(configuration, plan)


def _steps(
    configuration: Configuration,
    owner: Located,
    path: tuple[str, ...],
    steps: Iterable[StepConfig],
    *,
    is_own_plan: bool,
) -> Iterator[Mistake]:
    for number, step in enumerate(steps):
        scheme, _, name = step.to.partition(":")
        where: Path = (*path, number, "to")
        if is_own_plan and scheme != "email":
            message = f"{step.to!r} cannot stand in a person's own plan"
            yield _mistake(owner, where, message, "write 'email:' or 'email:ADDRESS'")
        elif scheme == "person":
            yield from _person_named(configuration, owner, where, name)
        elif not name and not is_own_plan:
            yield _mistake(owner, where, f"{step.to!r} has no address", "write 'email:ADDRESS'")


def _unreachable(plan: PlanConfig) -> Iterator[Mistake]:
    ends_at_timeout = plan.on_timeout == "expire" and plan.on_delivery_failure == "stop"
    for number, step in enumerate(plan.steps[:-1]):
        if step.until is None or ends_at_timeout:
            message = f"step {number + 2} can never be reached"
            remedy = (
                "write 'on_timeout: next'" if step.until else f"give step {number + 1} an 'until:'"
            )
            yield _mistake(plan, ("steps", number + 1), message, remedy)
            return


def _approvers(configuration: Configuration, plan: PlanConfig) -> Iterator[Mistake]:
    """Find steps that ask nobody who may answer, and a ``need`` that cannot be met."""
    reached = [_people_of(configuration, step.to) for step in plan.steps]
    if plan.approvers is None:
        allowed = {name for names in reached for name in names}
    else:
        allowed = {name for uri in plan.approvers for name in _people_of(configuration, uri)}
    for number, (step, names) in enumerate(zip(plan.steps, reached, strict=True)):
        if not step.inform and not names & allowed:
            message = f"nobody whom {step.to!r} reaches may answer"
            remedy = "write 'inform: true', or name them in approvers:"
            yield _mistake(plan, ("steps", number), message, remedy)
    if len(allowed) < plan.need:
        message = f"need is {plan.need}, but {len(allowed)} may answer"
        yield _mistake(plan, ("need",), message, "name more approvers")


def _people_of(configuration: Configuration, uri: str) -> set[str]:
    scheme, _, rest = uri.partition(":")
    return {
        name
        for name, person in configuration.people.items()
        if (scheme == "person" and name == rest)
        or (scheme == "email" and person.email.casefold() == rest.casefold())
        or (scheme == "role" and rest in person.roles)
    }


def _rules(configuration: Configuration) -> Iterator[Mistake]:
    rulesets: dict[str, str] = {}
    for rule_file in configuration.rule_files:
        first = rulesets.setdefault(rule_file.ruleset, rule_file.place().file)
        if first != rule_file.place().file:
            message = f"{first} has the ruleset {rule_file.ruleset!r} already"
            yield _mistake(rule_file, ("ruleset",), message, "choose another name")
        default = rule_file.defaults
        yield from _plan_named(
            configuration, default, ("threshold", "plan"), default.threshold.plan
        )
        for rule in rule_file.rules:
            yield from _rule(configuration, rule_file, rule)


def _rule(configuration: Configuration, rule_file: RuleFile, rule: RuleConfig) -> Iterator[Mistake]:
    yield from _plan_named(configuration, rule, ("threshold", "plan"), rule.threshold.plan)
    if rule.owner is not None:
        yield from _person_named(configuration, rule, ("owner",), rule.owner)
    is_creating = rule.kind in ("provision", "event")
    if is_creating and rule.enabled and rule_file.throttle_of(rule) is None:
        message = f"the rule {rule.id!r} has no throttle"
        remedy = "write for instance 'throttle: 1h'"
        yield _mistake(rule, (), message, remedy, Level.WARNING)
    if rule.on_failure is not None:
        message = "failure policies are not carried out yet; a failed action is in the run"
        remedy = "watch the errors of runs until they are"
        yield _mistake(rule, ("on_failure",), message, remedy, Level.WARNING)


def _unlock(configuration: Configuration) -> Iterator[Mistake]:
    """Warn where unlock keys would be good in every installation that has no name either."""
    if configuration.unlock is not None and not configuration.is_set("installation"):
        message = "unlock keys are for one installation, and this one has only the usual name"
        remedy = "write installation: and a name of its own"
        yield _mistake(configuration.unlock, (), message, remedy, Level.WARNING)


def _plan_named(
    configuration: Configuration, owner: Located, path: Path, plan: str | None
) -> Iterator[Mistake]:
    """Warn about a plan that is not configured: it may be made later, until then mail goes out."""
    if plan is not None and plan not in configuration.plans:
        message = (
            f"there is no plan {plan!r}; until there is, everybody with the role approver is asked"
        )
        remedy = close_to(plan, configuration.plans, otherwise="add it under plans:")
        yield _mistake(owner, path, message, remedy, Level.WARNING)


def _person_named(
    configuration: Configuration, owner: Located, path: Path, name: str
) -> Iterator[Mistake]:
    if name not in configuration.people:
        remedy = close_to(name, configuration.people, otherwise="add them under people:")
        yield _mistake(owner, path, f"there is no person {name!r}", remedy)
