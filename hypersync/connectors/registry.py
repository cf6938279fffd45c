"""The connectors by the name that ``connector:`` of a silo gives; a plain dict and one decorator.

Those that come with HyperSync are imported when first asked for, so that a project without LDAP
never loads an LDAP library. Others come from installed packages, by the entry point group
``hypersync.connectors``, whose entries are named as the connector.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, cast

from pydantic import Field, ValidationError, create_model

from hypersync.config.mistakes import known_keys, mistakes_of
from hypersync.config.models import SiloConfig
from hypersync.connectors.settings import ConnectorClass, SiloOptions, SiloSettings, object_types
from hypersync.connectors.steady import SteadyConnector
from hypersync.errors import ConfigurationError, UsageError
from hypersync.model.mistake import Mistake
from hypersync.model.objects import ObjectType
from hypersync.ports.connector import Connector

C = TypeVar("C")
ENTRY_POINTS = "hypersync.connectors"
_PARTS = ("options", "can_write", "streams", "open")
_BUILT_IN: Mapping[str, str] = MappingProxyType(
    {
        "ad": "hypersync.connectors.ad.connector",
        "csv": "hypersync.connectors.csv_file.connector",
        "internal": "hypersync.connectors.internal",
        "ldap": "hypersync.connectors.ldap.connector",
        "ldif": "hypersync.connectors.ldif.connector",
        "memory": "hypersync.connectors.memory",
        "msgraph": "hypersync.connectors.msgraph.connector",
        "sql": "hypersync.connectors.sql_database.connector",
        "scim": "hypersync.connectors.scim.connector",
    }
)
_registered: dict[str, ConnectorClass] = {}


def connector(name: str) -> Callable[[type[C]], type[C]]:
    """Register a connector class under ``name``.

    Raises ``ValueError`` for a second one, and for one that takes the name of a built-in.
    """

    def register(kind: type[C]) -> type[C]:
        if kind.__module__ != _BUILT_IN.get(name, kind.__module__):
            raise ValueError(
                f"{kind.__module__} registers the connector {name!r}, which comes with HyperSync; "
                "give it another name"
            )
        if name in _registered:
            raise ValueError(f"the connector {name!r} is registered already")
        _registered[name] = cast("ConnectorClass", kind)
        return kind

    return register


def names() -> list[str]:
    """Return the names of all connectors, those of other packages included, sorted."""
    return sorted({*_BUILT_IN, *_registered, *entry_points(group=ENTRY_POINTS).names})


def lookup(name: str) -> ConnectorClass:
    """Return the connector class called ``name``; raises `UsageError` that lists what exists."""
    if name not in _registered:
        _load(name)
    if name not in _registered:
        known = names()
        close = get_close_matches(name, known, n=1)
        meant = f"did you mean {close[0]!r}? " if close else ""
        raise UsageError(f"there is no connector {name!r}; {meant}there are {', '.join(known)}")
    return _registered[name]


def _load(name: str) -> None:
    entries = list(entry_points(group=ENTRY_POINTS, name=name))
    own = ["hypersync itself"] if name in _BUILT_IN else []
    if len(packages := own + sorted(map(_package, entries))) > 1:
        raise UsageError(
            f"the connector {name!r} comes from several packages: {' and '.join(packages)}; "
            "remove all but one"
        )
    if own:
        _import_own(name)
    for entry in entries:
        loaded = _loaded(entry)
        if name not in _registered:  # else importing it has registered it
            connector(name)(loaded)


def _import_own(name: str) -> None:
    try:
        import_module(_BUILT_IN[name])
    except ModuleNotFoundError as error:
        if (error.name or "hypersync").startswith("hypersync"):
            raise
        raise UsageError(
            f"the connector {name!r} needs {error.name}, which is not installed; "
            f"install the extra: pip install 'hypersync[{name}]'"
        ) from error


def _loaded(entry: EntryPoint) -> type[ConnectorClass]:
    """Import the connector of another package; raises `UsageError` when it is none."""
    who = f"the connector {entry.name!r} of the package {_package(entry)}"
    try:
        loaded = entry.load()
    except (Exception, SystemExit) as error:  # code of others: whatever it raises, it is no use
        problem = f"{type(error).__name__}: {error}"
        raise UsageError(f"{who} cannot be imported ({problem}); mend or remove it") from error
    lacking = [part for part in _PARTS if not hasattr(loaded, part)]
    if not isinstance(loaded, type) or lacking:
        lacks = f": it has no {', '.join(lacking)}" if lacking else ""
        raise UsageError(f"{who} is no connector{lacks}; {entry.value} must name its class")
    options = loaded.options  # type: ignore[attr-defined] # one of _PARTS
    if not isinstance(options, type) or not issubclass(options, SiloOptions):
        raise UsageError(f"{who} is no connector; its options must be a kind of SiloOptions")
    return loaded


def _package(entry: EntryPoint) -> str:
    return "?" if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"


def build(
    silo: str,
    config: SiloConfig,
    *,
    root: Path,
    needed: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> Connector:
    """Build the connector of a silo, patient and paced; nothing is reached for yet.

    ``needed`` maps each type to the attributes that joins and rules name. Raises `UsageError` for
    an unknown connector and `ConfigurationError` for wrong options.
    """
    kind = lookup(config.connector)
    options = _options(silo, config, kind.options)
    types = object_types(silo, options, needed)
    return _built(silo, config, kind, options, types, root)


def build_to_discover(
    silo: str, config: SiloConfig, *, root: Path
) -> tuple[Connector, SiloOptions]:
    """Build the connector of a silo that may have no types yet; it reads all their attributes.

    Its options come with it, as they were validated. Raises what `build` raises.
    """
    kind = lookup(config.connector)
    options = _options(silo, config, _without_need_of_types(kind.options))
    types = [replace(each, attributes=frozenset()) for each in object_types(silo, options, {})]
    return _built(silo, config, kind, options, tuple(types), root), options


def _options(silo: str, config: SiloConfig, model: type[SiloOptions]) -> SiloOptions:
    try:
        return model.model_validate(config.connector_options())
    except ValidationError as error:
        raise ConfigurationError(_mistakes(silo, config, model, error)) from error


def _mistakes(
    silo: str, config: SiloConfig, model: type[SiloOptions], error: ValidationError
) -> list[Mistake]:
    if tree := config.given():
        return mistakes_of(error, model, tree, ("silos", silo), known_keys(type(config), ()))
    return [  # made in code, not read from a file
        Mistake(f"silos.{silo}.{'.'.join(map(str, each['loc']))}: {each['msg']}")
        for each in error.errors(include_url=False)
    ]


def _without_need_of_types(model: type[SiloOptions]) -> type[SiloOptions]:
    """Return the same options with ``types`` that may be empty."""
    types: Any = model.model_fields["types"].annotation
    return create_model(model.__name__, __base__=model, types=(types, Field(default_factory=dict)))


def _built(
    silo: str,
    config: SiloConfig,
    kind: ConnectorClass,
    options: SiloOptions,
    types: tuple[ObjectType, ...],
    root: Path,
) -> Connector:
    settings = SiloSettings(
        silo=silo,
        options=options,
        types=types,
        root=root,
        write=config.write,
        timeout=config.timeout,
    )
    return SteadyConnector(
        kind(settings), timeout=config.timeout, writes_per_second=config.writes_per_second
    )
