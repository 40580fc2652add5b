"""Turns a person's compose file into one that can be measured beside a running copy of it. Pure.

What comes in is what `docker compose config` prints: all files merged, all variables and paths resolved. What goes
out replaces it: a second file on top could not take a published port away.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from harness.errors import InputError
from harness.model.target import ComposeSpec

Document = dict[str, Any]

_NEWEST_2, _NEWEST_3 = "2.4", "3.9"
_NO_NEW_PRIVILEGES = "no-new-privileges:true"


def measurable(
    document: Mapping[str, Any],
    spec: ComposeSpec,
    labels: Mapping[str, str],
    image_environment: Mapping[str, str] = MappingProxyType({}),
) -> Document:
    """The document with only the target's port published, on loopback, and everything labelled and of its own.

    Fixed names go (a container's stays as a network alias): a copy that somebody else runs is neither in the way nor
    touched, nor are its volumes and images. Raises InputError where the target's service can't be measured so.
    """
    made = copy.deepcopy(dict(document))
    services = made.get("services") or {}
    _require_service(services, spec)
    for service in services.values():
        _isolate(service, labels)
    _adapt_target(services[spec.service], spec)
    _inject(services[spec.service], spec, image_environment)
    _add_default_network(made)
    for section in ("networks", "volumes"):
        made[section] = {name: _owned(part, labels) for name, part in (made.get(section) or {}).items()}
    if "version" in made:
        made["version"] = _NEWEST_3 if str(made["version"]).startswith("3") else _NEWEST_2
    return made


def published_elsewhere(document: Mapping[str, Any], spec: ComposeSpec) -> list[str]:
    """The services whose published ports `measurable` drops."""
    services = document.get("services") or {}
    return sorted(name for name, service in services.items() if name != spec.service and service.get("ports"))


def as_mapping(value: Any) -> dict[str, Any]:
    """The two forms of labels, environment, build arguments and networks: a mapping or a list."""
    if isinstance(value, Mapping):
        return dict(value)
    pairs = (str(entry).partition("=") for entry in value or [])
    return {name: text if equals else None for name, equals, text in pairs}


def escaped(values: Mapping[str, str]) -> dict[str, str]:
    """A dollar sign is doubled: compose would take it for a variable."""
    return {name: text.replace("$", "$$") for name, text in values.items()}


def _require_service(services: Mapping[str, Document], spec: ComposeSpec) -> None:
    where = ", ".join(str(file) for file in spec.files)
    if spec.service not in services:
        known = ", ".join(sorted(services)) or "none"
        raise InputError(f"{where} has no service {spec.service!r}", hint=f"set target.service to one of: {known}")
    for name, service in services.items():
        if service.get("privileged"):
            raise InputError(
                f"the service {name!r} of {where} is privileged, and no target is run so",
                hint="drop `privileged: true` for the measurement, or give the service the one capability it needs",
            )
    mode = str(services[spec.service].get("network_mode") or "bridge")
    if mode != "bridge":
        raise InputError(
            f"the service {spec.service!r} of {where} has network_mode {mode!r}, where no port can be published",
            hint="drop network_mode for the measurement",
        )


def _isolate(service: Document, labels: Mapping[str, str]) -> None:
    service.pop("ports", None)
    service["labels"] = as_mapping(service.get("labels")) | escaped(labels)
    alias = service.pop("container_name", None)
    if alias and not service.get("network_mode"):
        networks = as_mapping(service.get("networks")) or {"default": None}
        service["networks"] = {network: _with_alias(options, alias) for network, options in networks.items()}
    if build := service.get("build"):
        service.pop("image", None)
        build = dict(build) if isinstance(build, Mapping) else {"context": build}
        build.pop("tags", None)
        service["build"] = build | {"labels": as_mapping(build.get("labels")) | escaped(labels)}


def _with_alias(options: Document | None, alias: str) -> Document:
    options = dict(options or {})
    return options | {"aliases": sorted({*options.get("aliases", []), alias})}


def _adapt_target(service: Document, spec: ComposeSpec) -> None:
    service["ports"] = [f"127.0.0.1::{spec.port}"]
    service["environment"] = as_mapping(service.get("environment")) | escaped(spec.environment)
    service["security_opt"] = sorted({*service.get("security_opt", []), _NO_NEW_PRIVILEGES})
    for single in ("profiles", "scale"):
        service.pop(single, None)
    deploy = service.get("deploy") or {}
    deploy.pop("replicas", None)
    limits = (deploy.get("resources") or {}).get("limits") or {}
    if spec.memory_limit_bytes is not None:
        limits.pop("memory", None)
        service["mem_limit"] = service["memswap_limit"] = spec.memory_limit_bytes
    if spec.cpus is not None:
        limits.pop("cpus", None)
        service["cpus"] = spec.cpus


def _inject(service: Document, spec: ComposeSpec, image_environment: Mapping[str, str]) -> None:
    """Lets the service's PHP load the probe; its own ini folders, and its image's, stay in use."""
    if spec.injection is None:
        return
    own = {name: str(text) for name, text in service["environment"].items() if text is not None}
    given = {**image_environment, **own}
    service["environment"] |= escaped(spec.injection.environment_over(given))
    mounts = [f"{host}:{inside}:rw" for host, inside in spec.injection.mounts.items()]
    service["volumes"] = [*service.get("volumes", []), *mounts]


def _add_default_network(document: Document) -> None:
    """Compose makes it anyway, but without labels."""
    services = document["services"].values()
    if any(
        not service.get("network_mode") and "default" in (service.get("networks") or ["default"])
        for service in services
    ):
        document["networks"] = {"default": None} | (document.get("networks") or {})


def _owned(part: Document | None, labels: Mapping[str, str]) -> Document:
    part = dict(part or {})
    if part.get("external"):
        return part
    part.pop("name", None)
    return part | {"labels": as_mapping(part.get("labels")) | escaped(labels)}
